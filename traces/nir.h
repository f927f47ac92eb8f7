#pragma once
#include <string>
#include <vector>

#include "traces/network.h"

namespace spikeloop::traces {

/// How a file was read where it leaves something open, for an importer to tell.
struct NirFindings {
  std::string version;    ///< of the library that wrote it; "" = not said
  bool ours = false;      ///< written by write_nir
  bool gives_dt = false;  ///< in its metadata
  struct Note {
    std::string node;  ///< "" = the graph
    std::string what;  ///< "no v_reset: 0"
  };
  std::vector<Note> notes;
};

/// Reads a NIR file (HDF5; layout of the `nir` package 1.0.x). Nested graphs are flattened ("outer.inner"
/// names), float64 and scalar parameters accepted, missing v_reset = 0, padding strings resolved. Backward
/// edges, dt, quantisation and the rest of Network come from node `metadata` when we wrote the file;
/// otherwise cycles are marked by mark_backward_edges and `spike_at_threshold` is false (NIR's rule). A
/// number `dt` in the graph's metadata is taken from any file. The result is validated. Throws InputError
/// naming the file and the node for anything absent, of a wrong type, or not supported.
///
/// With `findings`, mistakes that known exporters make are taken for what they must mean, and noted: edges
/// that name a node that is not there while one node has no edges (snnTorch's braille_subgraph.nir), Flatten
/// dimensions that count the batch (early sinabs).
Network read_nir(const std::string& path, NirFindings* findings = nullptr);

/// Writes a NIR file that the reference library reads, type check included (float32, full-shape neuron
/// parameters, v_reset present; convolutions with groups as such without). Its type check also takes every
/// kernel for square: a network with other kernels it reads only with type_check=False. What is ours goes
/// into metadata. Through a temporary name; same network, same bytes.
void write_nir(const std::string& path, const Network& network);

}  // namespace spikeloop::traces
