"""Writes small networks as other frameworks' exporters do, with h5py alone.

  nir_frameworks.py snntorch|spikingjelly|norse|sinabs|rockpool|gains|flattens FILE

The conventions are those of snnTorch's export_nir.py, SpikingJelly's nir_exchange/to_nir.py, Norse's
export_nir.py, sinabs' nir.py and Rockpool's nir module, as published; what each line shows is said beside it.
"""
import sys

import h5py
import numpy as np

RANDOM = np.random.RandomState(5)


def put(group, key, value):
    if isinstance(value, dict):
        child = group.create_group(key)
        for k, v in value.items():
            put(child, k, v)
    elif isinstance(value, str):
        group.create_dataset(key, data=value, dtype=h5py.string_dtype())
    elif isinstance(value, list):  # edges
        group.create_dataset(key, data=np.array(value, dtype=object), dtype=h5py.string_dtype())
    elif isinstance(value, np.ndarray) and value.shape != ():
        group.create_dataset(key, data=value, compression="gzip")
    else:
        group.create_dataset(key, data=value)


def weight(*shape):
    return RANDOM.uniform(-0.5, 0.5, shape).astype(np.float32)


def port(kind, *shape):
    return {"type": kind, "shape": np.array(shape)}


def chain(*names):
    return [[a, b] for a, b in zip(names, names[1:])]


def graph(nodes, edges):
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges}


def snntorch():
    dt, beta, alpha = 1e-4, np.float32(0.9), 0.8
    tau = dt / (1 - beta)  # a scalar: beta is one by default
    full = np.ones(6)
    recurrent = graph(
        {
            "input": port("Input", 6),
            "lif": {"type": "CubaLIF", "tau_syn": full * dt / (1 - alpha), "tau_mem": full * dt / (1 - 0.7),
                    "r": full / (1 - 0.7), "w_in": full / (1 - alpha), "v_leak": full * 0, "v_threshold": full},
            "w_rec": {"type": "Affine", "weight": weight(6, 6), "bias": weight(6)},
            "output": port("Output", 6),
        },
        [["input", "lif"], ["lif", "w_rec"], ["w_rec", "lif"], ["lif", "output"]])
    return graph(
        {
            "input": port("Input", 2, 6, 6),
            "conv": {"type": "Conv2d", "weight": weight(4, 2, 3, 3), "bias": np.zeros(4, np.float32),
                     "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1},  # no input_shape
            "lif1": {"type": "LIF", "tau": tau, "r": tau / dt, "v_leak": np.zeros_like(beta),
                     "v_threshold": np.array([1.0])},  # no v_reset
            "flat": {"type": "Flatten", "start_dim": 0, "end_dim": -1},
            "fc": {"type": "Linear", "weight": weight(6, 64)},
            "lif2": recurrent,
            "output": port("Output", 6),
        }, chain("input", "conv", "lif1", "flat", "fc", "lif2", "output"))


def spikingjelly():
    dt, tau = 1e-4, 2.0
    full = np.full((4, 4, 4), 1.0)  # np.full: float64
    return graph(
        {
            "input": port("Input", 2, 8, 8),
            "conv": {"type": "Conv2d", "input_shape": (8, 8), "weight": weight(4, 2, 3, 3), "bias": np.zeros(4),
                     "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1},
            "if": {"type": "IF", "r": full / dt, "v_threshold": full, "v_reset": full * 0},
            "flat": {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array([4, 4, 4])},
            "fc": {"type": "Linear", "weight": weight(3, 64)},
            "lif": {"type": "LIF", "tau": np.full(3, tau * dt), "r": np.full(3, 1.0),  # decay_input=True
                    "v_leak": np.zeros(3), "v_threshold": np.ones(3), "v_reset": np.zeros(3)},
            "output": port("Output", 3),
        }, chain("input", "conv", "if", "flat", "fc", "lif", "output"))


def norse():
    full = np.ones(2, np.float32)
    return graph(
        {
            "0": {"type": "Affine", "weight": weight(2, 3), "bias": weight(2)},
            "1": {"type": "Linear", "weight": weight(2, 2)},
            "lif": {"type": "LIF", "tau": full / 100, "r": full, "v_leak": full * 0, "v_threshold": full,
                    "v_reset": full * 0},  # seconds
            "cuba": {"type": "CubaLIF", "tau_mem": full / 50, "tau_syn": full / 100, "r": full, "v_leak": full * 0,
                     "v_threshold": full, "v_reset": full * 0},  # early versions: no w_in
            "input": port("Input", 3),
            "output": port("Output", 2),
        }, chain("input", "0", "lif", "1", "cuba", "output"))


def sinabs():
    full = np.ones((4, 6, 6), np.float32)
    lif = np.ones(5, np.float32)
    return graph(
        {
            "input": port("Input", 2, 6, 6),
            "conv": {"type": "Conv2d", "input_shape": (6, 6), "weight": weight(4, 2, 3, 3), "bias": np.zeros(4, np.float32),
                     "stride": (1, 1), "padding": "same", "dilation": (1, 1), "groups": 1},
            "if": {"type": "IF", "r": full, "v_threshold": full},
            "pool": {"type": "SumPool2d", "kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)},
            "flat": {"type": "Flatten", "start_dim": 1, "end_dim": -1, "input_type": np.array([4, 3, 3])},
            "fc": {"type": "Affine", "weight": weight(5, 36), "bias": weight(5)},
            "lif": {"type": "LIF", "tau": lif * 20, "r": lif, "v_leak": lif * 0, "v_threshold": lif},  # timesteps
            "output": port("Output", 5),
        }, chain("input", "conv", "if", "pool", "flat", "fc", "lif", "output"))


def rockpool():
    full = np.ones(3, np.float32)
    return graph(
        {
            "input": port("Input", 4),
            "0_LinearTorch": {"type": "Linear", "weight": weight(3, 4)},
            "1_LIF": {"type": "CubaLIF", "tau_mem": full * 0.02, "tau_syn": full * 0.01, "r": full, "w_in": full,
                      "v_leak": full * 0, "v_threshold": full, "v_reset": full * 0},
            "1_LIF_rec": {"type": "Linear", "weight": weight(3, 3)},
            "output": port("Output", 3),
        }, chain("input", "0_LinearTorch", "1_LIF", "1_LIF_rec", "1_LIF") + [["1_LIF", "output"]])


def gains():
    """No framework's: r that is a gain, not tau/dt or 1/dt."""
    full = np.ones(2, np.float32)
    return graph(
        {
            "lif": {"type": "LIF", "tau": full * 0.02, "r": full / 2, "v_leak": full * 0, "v_threshold": full},
            "if": {"type": "IF", "r": full * 10, "v_threshold": full},
            "input": port("Input", 2),
            "output": port("Output", 2),
        }, chain("input", "lif", "if", "output"))


def flattens():
    """No framework's: Flatten nodes in a cycle before a layer, the edge from behind first."""
    lif = np.ones(4, np.float32)
    flatten = {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array([4])}
    return graph(
        {
            "input": port("Input", 4),
            "if": {"type": "IF", "r": lif, "v_threshold": lif},
            "flat": flatten,
            "back": flatten,
            "fc": {"type": "Linear", "weight": weight(2, 4)},
            "output": port("Output", 2),
        }, [["back", "flat"], ["flat", "back"]] + chain("input", "if", "flat", "fc", "output"))


with h5py.File(sys.argv[2], "w") as f:
    put(f, "version", "1.0.7")
    put(f, "node", {"snntorch": snntorch, "spikingjelly": spikingjelly, "norse": norse, "sinabs": sinabs,
                    "rockpool": rockpool, "gains": gains, "flattens": flattens}[sys.argv[1]]())
