"""Plays a foreign reader and writer of NIR files, with h5py alone (layout of the nir package 1.0.7).

  nir_h5py.py check FILE       prints "ok" when FILE has the layout that nir.read expects
  nir_h5py.py reference FILE   "ok" when the reference library (the package nir) reads the network, types checked
  nir_h5py.py spikes FILE NODE DT   a node's spikes as the reference library puts them on a grid: sample,step,neuron
                               (both: "absent" without the package)
  nir_h5py.py lzf FILE OUT     copies FILE with lzf compression, as nir.write(compression="lzf") would
"""
import sys

import h5py
import numpy as np

PARAMETERS = {
    "Input": {"shape"},
    "Output": {"shape"},
    "Affine": {"weight", "bias"},
    "Linear": {"weight"},
    "Scale": {"scale"},
    "Conv2d": {"input_shape", "weight", "stride", "padding", "dilation", "groups", "bias"},
    "AvgPool2d": {"kernel_size", "stride", "padding"},
    "SumPool2d": {"kernel_size", "stride", "padding"},
    "Flatten": {"start_dim", "end_dim", "input_type"},
    "Threshold": {"threshold"},
    "CubaLIF": {"tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold", "v_reset"},
    "IF": {"r", "v_threshold", "v_reset"},
    "LIF": {"tau", "r", "v_leak", "v_threshold", "v_reset"},
}
INTEGERS = {"shape", "input_shape", "stride", "padding", "dilation", "groups", "kernel_size", "start_dim", "end_dim",
            "input_type"}


def text(dataset):
    assert dataset.shape == () and h5py.check_string_dtype(dataset.dtype).length is None, dataset.name
    return dataset[()].decode("utf8")


def check_metadata(group):
    if "metadata" in group:
        assert len(group["metadata"]) > 0, group.name
        for item in group["metadata"].values():
            assert isinstance(item, h5py.Dataset), item.name  # the reference reader takes no groups here
            item[()]


def check(path):
    with h5py.File(path, "r") as f:
        assert set(f) == {"version", "node"}
        assert text(f["version"]).startswith("1.0.")
        root = f["node"]
        assert set(root) == {"type", "nodes", "edges", "metadata"}
        assert text(root["type"]) == "NIRGraph"
        check_metadata(root)
        edges = root["edges"][()]
        assert edges.ndim == 2 and edges.shape[1] == 2
        for a, b in edges:
            assert a.decode("utf8") in root["nodes"] and b.decode("utf8") in root["nodes"]
        for name, node in root["nodes"].items():
            kind = text(node["type"])
            assert set(node) - {"metadata"} == PARAMETERS[kind] | {"type"}, (name, set(node))
            check_metadata(node)
            neuron_shapes = set()
            for key in PARAMETERS[kind]:
                item = node[key]
                assert item.compression in (None, "gzip"), item.name
                if key in INTEGERS:
                    assert item.dtype == np.int64, item.name
                else:
                    assert item.dtype == np.float32 and np.isfinite(item[()]).all(), item.name
                    neuron_shapes.add(item.shape)
            if kind in ("LIF", "IF", "CubaLIF", "Scale", "Threshold"):
                assert len(neuron_shapes) == 1 and len(next(iter(neuron_shapes))) in (1, 3), name
            if kind == "Conv2d":
                for key in ("stride", "padding", "dilation", "input_shape"):
                    assert node[key].shape == (2,), name
                assert node["groups"].shape == () and node["weight"].ndim == 4
        check_types(root)
    print("ok")


def types(node):
    """Input and output shape of a node as the reference library infers them (None: from its input)."""
    kind = text(node["type"])
    if kind in ("Input", "Output"):
        return node["shape"][()], node["shape"][()]
    if kind in ("Affine", "Linear"):
        return node["weight"].shape[1:], node["weight"].shape[:1]
    if kind == "Conv2d":  # nir/ir/conv.py: whatever groups says, and as if the kernel were square
        w = node["weight"].shape
        window = node["dilation"][()] * (w[2] - 1) + 1
        size = (node["input_shape"][()] + 2 * node["padding"][()] - window) // node["stride"][()] + 1
        return (w[1], *node["input_shape"][()]), (w[0], *size)
    if kind == "Flatten":
        return node["input_type"][()], [np.prod(node["input_type"][()])]
    if kind in ("AvgPool2d", "SumPool2d"):
        return None
    shape = next(node[key].shape for key in PARAMETERS[kind])
    return shape, shape


def check_types(root):
    """nir.read's type check: what leaves a node must be what the next one takes."""
    for a, b in root["edges"][()]:
        source, target = types(root["nodes"][a.decode()]), types(root["nodes"][b.decode()])
        if source is not None and target is not None:
            assert np.array_equal(source[1], target[0]), (a, source[1], b, target[0])


def copy_with_lzf(source, target):
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_with_lzf(item, target.create_group(name))
        elif item.shape and item.dtype.kind in "fi":
            target.create_dataset(name, data=item[()], compression="lzf")
        else:
            source.copy(item, target, name)


def reference():
    try:
        import nir
    except ImportError:
        print("absent")
        sys.exit()
    return nir


if sys.argv[1] == "check":
    check(sys.argv[2])
elif sys.argv[1] == "reference":
    reference().read(sys.argv[2])
    print("ok")
elif sys.argv[1] == "spikes":
    nir = reference()
    if not hasattr(nir, "read_data"):  # up to 1.0.7
        print("absent")
        sys.exit()
    events = nir.read_data(sys.argv[2]).nodes[sys.argv[3]].observables["spikes"]
    grid = events.to_time_gridded(float(sys.argv[4]))
    print(grid.data.shape, *[",".join(map(str, at)) for at in np.argwhere(grid.data)])
else:
    with h5py.File(sys.argv[2], "r") as source, h5py.File(sys.argv[3], "w") as target:
        copy_with_lzf(source, target)
