#pragma once
#include <string>

#include "traces/network.h"

namespace spikeloop::traces {

/// Reads a NIR file (HDF5; layout of the `nir` package 1.0.x). Nested graphs are flattened ("outer.inner"
/// names), float64 and scalar parameters accepted, missing v_reset = 0, padding strings resolved. Backward
/// edges, dt, quantisation and the rest of Network come from node `metadata` when we wrote the file;
/// otherwise cycles are marked by mark_backward_edges and `spike_at_threshold` is false (NIR's rule). A
/// number `dt` in the graph's metadata is taken from any file. The result is validated. Throws InputError
/// naming the file and the node for anything absent, of a wrong type, or not supported.
Network read_nir(const std::string& path);

/// Writes a NIR file that the reference library reads (float32, full-shape neuron parameters, v_reset
/// present, uniform tau), with ours as metadata. Through a temporary name; same network, same bytes.
void write_nir(const std::string& path, const Network& network);

}  // namespace spikeloop::traces
