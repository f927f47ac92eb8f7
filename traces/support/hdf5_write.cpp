#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>

#include "traces/support/hdf5_io.h"

namespace spikeloop::h5 {

namespace {

constexpr unsigned kDeflateLevel = 4;
constexpr std::int64_t kCompressFrom = 256;  ///< elements; less is stored as it is
constexpr std::int64_t kMaxChunk = 1 << 20;  ///< elements
const char* const kExpected = "a file system that takes the file";

void check(herr_t status, const Where& where) {
  if (status < 0) fail(where, last_error(), kExpected);
}

Handle checked(hid_t id, Handle::Close close, const Where& where) {
  if (id < 0) fail(where, last_error(), kExpected);
  return {id, close};
}

/// Creation properties without times, which would make every file differ.
Handle properties(hid_t kind, const Where& where) {
  Handle plist = checked(H5Pcreate(kind), H5Pclose, where);
  check(H5Pset_obj_track_times(plist.get(), false), where);
  return plist;
}

Handle text_type(const Where& where) {
  Handle type = checked(H5Tcopy(H5T_C_S1), H5Tclose, where);
  check(H5Tset_size(type.get(), H5T_VARIABLE), where);
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), where);
  return type;
}

Handle space_of(const std::vector<std::int64_t>& shape, const Where& where) {
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return checked(sizes.empty() ? H5Screate(H5S_SCALAR)
                               : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                 H5Sclose, where);
}

/// One chunk for small tensors; larger ones are cut along the first dimension.
std::vector<std::int64_t> chunk_for(const std::vector<std::int64_t>& shape) {
  const std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  if (shape.empty() || size < kCompressFrom) return {};
  std::vector<std::int64_t> chunk = shape;
  chunk[0] = std::clamp<std::int64_t>(kMaxChunk / (size / shape[0]), 1, shape[0]);
  return chunk;
}

void write_values(hid_t location, const std::string& name, hid_t file_type, hid_t memory_type,
                  const void* data, const std::vector<std::int64_t>& shape, const Where& where) {
  const Handle dataset = create_dataset(location, name, file_type, shape, chunk_for(shape), where);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  check(H5Dwrite(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), where.in(name));
}

void write_attribute(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type,
                     const void* data, const std::vector<std::int64_t>& shape, const Where& where) {
  const Handle space = space_of(shape, where);
  const Handle attribute = checked(
      H5Acreate2(object, name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, where);
  check(H5Awrite(attribute.get(), memory_type, data), where);
}

}  // namespace

Handle create_file(const std::string& path, const Where& where) {
  const Handle plist = properties(H5P_FILE_CREATE, where);
  return checked(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, plist.get(), H5P_DEFAULT), H5Fclose, where);
}

void close_file(Handle& file, const Where& where) {
  check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), where);
  check(file.reset(), where);
}

Handle create_group(hid_t location, const std::string& name, const Where& where) {
  const Handle plist = properties(H5P_GROUP_CREATE, where);
  return checked(H5Gcreate2(location, name.c_str(), H5P_DEFAULT, plist.get(), H5P_DEFAULT), H5Gclose,
                 where.in(name));
}

Handle create_dataset(hid_t location, const std::string& name, hid_t type,
                      const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& chunk,
                      const Where& where) {
  const Where at = where.in(name);
  const Handle plist = properties(H5P_DATASET_CREATE, at);
  if (!chunk.empty()) {
    const std::vector<hsize_t> sizes(chunk.begin(), chunk.end());
    check(H5Pset_chunk(plist.get(), static_cast<int>(sizes.size()), sizes.data()), at);
    check(H5Pset_shuffle(plist.get()), at);
    check(H5Pset_deflate(plist.get(), kDeflateLevel), at);
  }
  const Handle space = space_of(shape, at);
  return checked(H5Dcreate2(location, name.c_str(), type, space.get(), H5P_DEFAULT, plist.get(), H5P_DEFAULT),
                 H5Dclose, at);
}

void write_strings(hid_t location, const std::string& name, const std::vector<std::string>& values,
                   const std::vector<std::int64_t>& shape, const Where& where) {
  const Handle type = text_type(where);
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  const Handle dataset = create_dataset(location, name, type.get(), shape, {}, where);
  if (values.empty()) return;
  check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 static_cast<const void*>(pointers.data())),
        where.in(name));
}

void write_string(hid_t location, const std::string& name, const std::string& value, const Where& where) {
  write_strings(location, name, {value}, {}, where);
}

void write_floats(hid_t location, const std::string& name, const std::vector<float>& values,
                  const std::vector<std::int64_t>& shape, const Where& where) {
  write_values(location, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values.data(), shape, where);
}

void write_int8(hid_t location, const std::string& name, const std::vector<std::int8_t>& values,
                const std::vector<std::int64_t>& shape, const Where& where) {
  write_values(location, name, H5T_STD_I8LE, H5T_NATIVE_INT8, values.data(), shape, where);
}

void write_int32(hid_t location, const std::string& name, const std::vector<std::int32_t>& values,
                 const Where& where) {
  write_values(location, name, H5T_STD_I32LE, H5T_NATIVE_INT32, values.data(),
               {static_cast<std::int64_t>(values.size())}, where);
}

void write_integers(hid_t location, const std::string& name, const std::vector<std::int64_t>& values,
                    const std::vector<std::int64_t>& shape, const Where& where) {
  write_values(location, name, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data(), shape, where);
}

void write_integer(hid_t location, const std::string& name, std::int64_t value, const Where& where) {
  write_integers(location, name, {value}, {}, where);
}

void write_real(hid_t location, const std::string& name, double value, const Where& where) {
  write_values(location, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, {}, where);
}

void write_string_attribute(hid_t object, const std::string& name, const std::string& value,
                            const Where& where) {
  const Handle type = text_type(where);
  const char* pointer = value.c_str();
  write_attribute(object, name, type.get(), type.get(), static_cast<const void*>(&pointer), {}, where);
}

void write_integer_attribute(hid_t object, const std::string& name, const std::vector<std::int64_t>& value,
                             bool scalar, const Where& where) {
  const std::vector<std::int64_t> shape =
      scalar ? std::vector<std::int64_t>{}
             : std::vector<std::int64_t>{static_cast<std::int64_t>(value.size())};
  write_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, value.data(), shape, where);
}

void write_real_attribute(hid_t object, const std::string& name, double value, const Where& where) {
  write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, {}, where);
}

void write_slab(hid_t dataset, hid_t type, const std::vector<std::int64_t>& start,
                const std::vector<std::int64_t>& count, const void* data, const Where& where) {
  const std::vector<hsize_t> begin(start.begin(), start.end());
  const std::vector<hsize_t> size(count.begin(), count.end());
  const Handle space = checked(H5Dget_space(dataset), H5Sclose, where);
  const Handle memory =
      checked(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose, where);
  check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, size.data(), nullptr), where);
  check(H5Dwrite(dataset, type, memory.get(), space.get(), H5P_DEFAULT, data), where);
}

}  // namespace spikeloop::h5
