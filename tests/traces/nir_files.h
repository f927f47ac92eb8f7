#pragma once
#include <hdf5.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "traces/support/hdf5_io.h"

/// Makes and changes HDF5 files in ways that our own writers refuse.
namespace spikeloop::test {

inline const h5::Where kHere{"test", ""};

/// Opens the file for writing, hands it to `change` and closes it.
inline void edit(const std::string& path, const std::function<void(hid_t file)>& change) {
  h5::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
  if (!file.valid()) throw std::runtime_error("cannot open " + path);
  change(file.get());
}

inline void remove_object(hid_t file, const std::string& name) {
  if (H5Ldelete(file, name.c_str(), H5P_DEFAULT) < 0) throw std::runtime_error("cannot remove " + name);
}

inline h5::Handle make_node(hid_t nodes, const std::string& name, const std::string& type) {
  h5::Handle group = h5::create_group(nodes, name, kHere);
  h5::write_string(group.get(), "type", type, kHere);
  return group;
}

/// A graph's group with type, nodes (empty) and edges; nodes are to be added.
inline h5::Handle make_graph(hid_t parent, const std::string& name,
                             const std::vector<std::pair<std::string, std::string>>& edges) {
  h5::Handle group = make_node(parent, name, "NIRGraph");
  h5::create_group(group.get(), "nodes", kHere);
  std::vector<std::string> names;
  for (const auto& [from, to] : edges) {
    names.push_back(from);
    names.push_back(to);
  }
  h5::write_strings(group.get(), "edges", names, {static_cast<std::int64_t>(edges.size()), 2}, kHere);
  return group;
}

inline h5::Handle nodes_of(const h5::Handle& graph) { return h5::open_group(graph.get(), "nodes", kHere); }

inline void make_port(hid_t nodes, const std::string& name, const std::string& type,
                      const std::vector<std::int64_t>& shape) {
  const h5::Handle group = make_node(nodes, name, type);
  h5::write_integers(group.get(), "shape", shape, {static_cast<std::int64_t>(shape.size())}, kHere);
}

inline void make_linear(hid_t nodes, const std::string& name, std::int64_t out, std::int64_t in) {
  const h5::Handle group = make_node(nodes, name, "Linear");
  h5::write_floats(group.get(), "weight", std::vector<float>(static_cast<std::size_t>(out * in), 0.5F),
                   {out, in}, kHere);
}

/// A LIF as snnTorch writes it: scalars in double precision, no v_reset.
inline void make_scalar_lif(hid_t nodes, const std::string& name) {
  const h5::Handle group = make_node(nodes, name, "LIF");
  h5::write_real(group.get(), "tau", 1e-3, kHere);
  h5::write_real(group.get(), "r", 10, kHere);
  h5::write_real(group.get(), "v_leak", 0, kHere);
  h5::write_real(group.get(), "v_threshold", 1, kHere);
}

}  // namespace spikeloop::test
