#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// NumPy's .npz: a zip archive, stored or deflated, of .npy arrays (numpy.lib.format).
namespace spikeloop::models {

struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;  ///< in C order
};

/// Numbers (bool, integers and floats up to 8 bytes, little-endian), in C order. Throws InputError for
/// anything else, for damage that the archive's checksums tell, and for more than 2^26 elements.
NpyArray read_npz(const std::string& path, const std::string& name);
/// The content of a .npy file; `path` and `name` are for messages.
NpyArray parse_npy(const std::string& bytes, const std::string& path, const std::string& name);
/// "[16, 2, 128, 128]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace spikeloop::models
