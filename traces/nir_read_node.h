#pragma once
#include <string>
#include <vector>

#include "traces/network.h"
#include "traces/support/hdf5_io.h"

/// One node of a NIR file: its parameters and our metadata. Private to the reader.
namespace spikeloop::traces {

/// The form that an elementwise parameter had before it was written in full.
struct WrittenInFull {
  std::string node, parameter;
  std::vector<std::int64_t> shape;
};

/// Throws InputError naming `where` for a type that is not supported and for what is absent or wrong.
NodeParams read_params(hid_t group, const std::string& type, const h5::Where& where);

/// Takes our metadata into `node`, and adds to `in_full` what was written in full.
void read_node_metadata(hid_t group, Node& node, std::vector<WrittenInFull>& in_full, const h5::Where& where);

/// Undoes the writing in full of all in `list`.
void compact_all(Network& network, const std::vector<WrittenInFull>& list, const std::string& file);

}  // namespace spikeloop::traces
