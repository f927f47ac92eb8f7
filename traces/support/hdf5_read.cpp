#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "traces/support/error.h"
#include "traces/support/hdf5_io.h"

namespace spikeloop::h5 {

namespace {

/// More than any weight tensor here has; a larger number comes from a damaged header.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 29;
constexpr H5Z_filter_t kLzf = 32000;

std::string class_name(H5T_class_t type_class) {
  switch (type_class) {
    case H5T_INTEGER:
      return "integers";
    case H5T_FLOAT:
      return "floating-point numbers";
    case H5T_STRING:
      return "text";
    case H5T_ENUM:
      return "an enumeration (or booleans)";
    case H5T_COMPOUND:
      return "a compound type";
    default:
      return "another type";
  }
}

H5T_class_t class_of(hid_t object, bool attribute) {
  const Handle type(attribute ? H5Aget_type(object) : H5Dget_type(object), H5Tclose);
  return type.valid() ? H5Tget_class(type.get()) : H5T_NO_CLASS;
}

void check_filters(hid_t dataset, const Where& where) {
  const Handle plist(H5Dget_create_plist(dataset), H5Pclose);
  const int count = plist.valid() ? H5Pget_nfilters(plist.get()) : 0;
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t num_values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(plist.get(), static_cast<unsigned>(i), &flags, &num_values,
                                               nullptr, 0, nullptr, nullptr);
    if (filter == kLzf) {
      fail(where, "lzf compression, which only h5py reads",
           "gzip or none (in Python: nir.write(path, graph, compression=\"gzip\"))");
    }
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0) {
      fail(where, "HDF5 filter " + std::to_string(filter) + ", not available here",
           "gzip compression or none");
    }
  }
}

std::vector<std::int64_t> space_dimensions(hid_t space, const Where& where) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
    fail(where, "no values", "a dataset with values");
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, sizes.data(), nullptr) < 0)
    fail(where, last_error(), "a shape");
  std::vector<std::int64_t> shape;
  for (const hsize_t n : sizes) {
    if (n > static_cast<hsize_t>(std::int64_t{1} << 40)) {
      fail(where, "a dimension of " + std::to_string(n), "a smaller dataset");
    }
    shape.push_back(static_cast<std::int64_t>(n));
  }
  return shape;
}

std::size_t element_count(const std::vector<std::int64_t>& shape, const Where& where) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) {
    if (n != 0 && count > kMaxElements / n) {
      fail(where, "more than " + std::to_string(kMaxElements) + " values", "a smaller dataset");
    }
    count *= n;
  }
  return static_cast<std::size_t>(count);
}

/// Strings of a dataset or attribute through `read(memory type, buffer)`: variable and fixed length alike.
template <class Read>
std::vector<std::string> strings(hid_t type, hid_t space, std::size_t count, const Where& where, Read read) {
  std::vector<std::string> values(count);
  if (count == 0) return values;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    // The memory type keeps the file's character set; HDF5 does not convert between them.
    const Handle memory(H5Tcopy(type), H5Tclose);
    if (read(memory.get(), static_cast<void*>(pointers.data())) < 0)
      fail(where, last_error(), "readable text");
    for (std::size_t i = 0; i < count; ++i) {
      if (pointers[i] != nullptr) values[i] = pointers[i];
    }
    H5Dvlen_reclaim(memory.get(), space, H5P_DEFAULT, static_cast<void*>(pointers.data()));
    return values;
  }
  const std::size_t size = H5Tget_size(type);
  if (size == 0 || size > (1U << 20U))
    fail(where, "text of " + std::to_string(size) + " bytes", "shorter text");
  std::vector<char> bytes(size * count);
  if (read(type, static_cast<void*>(bytes.data())) < 0) fail(where, last_error(), "readable text");
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(i * size);
    values[i].assign(begin, std::find(begin, begin + static_cast<std::ptrdiff_t>(size), '\0'));
  }
  return values;
}

void read_whole(hid_t dataset, hid_t type, void* data, const Where& where) {
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    fail(where, last_error(), "readable values");
}

Handle open_attribute(hid_t object, const std::string& name, const Where& where) {
  if (H5Aexists(object, name.c_str()) <= 0) fail(where, "no attribute '" + name + "'", "it to be there");
  Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!attribute.valid()) fail(where, last_error(), "a readable attribute '" + name + "'");
  return attribute;
}

}  // namespace

Silence::Silence() {
  // Whatever is read or written here is closed here. HDF5's own clean-up at exit adds nothing, and after a
  // damaged file it can complain or crash.
  static const herr_t no_exit_handler = H5dont_atexit();
  static_cast<void>(no_exit_handler);
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Silence::~Silence() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

void fail(const Where& where, const std::string& found, const std::string& expected) {
  throw InputError(where.file, where.place, found, expected);
}

std::string last_error() {
  std::string text;
  const auto first = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    auto& message = *static_cast<std::string*>(out);
    if (message.empty() && error->desc != nullptr) message = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &text);
  return text.empty() ? "an HDF5 error" : "damage (HDF5 says: " + text + ")";
}

Handle open_file(const std::string& path, const std::string& kind) {
  const Where where{path, "open"};
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    fail(where, std::generic_category().message(errno), kind);
  }
  if (S_ISDIR(status.st_mode)) fail(where, "a folder", kind);
  if (status.st_size == 0) fail(where, "an empty file", kind);
  if (H5Fis_hdf5(path.c_str()) == 0) fail(where, "a file that is not HDF5", kind);
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file.valid()) fail(where, last_error(), kind + ", whole and readable");
  return file;
}

bool has(hid_t location, const std::string& name) {
  return H5Lexists(location, name.c_str(), H5P_DEFAULT) > 0 &&
         H5Oexists_by_name(location, name.c_str(), H5P_DEFAULT) > 0;
}

bool is_group(hid_t location, const std::string& name) {
  if (!has(location, name)) return false;
  const Handle object(H5Oopen(location, name.c_str(), H5P_DEFAULT), H5Oclose);
  return object.valid() && H5Iget_type(object.get()) == H5I_GROUP;
}

std::vector<std::string> child_names(hid_t location, const Where& where) {
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Literate(location, H5_INDEX_NAME, H5_ITER_INC, &position, add, &names) < 0) {
    fail(where, last_error(), "a readable group");
  }
  std::sort(names.begin(), names.end());
  return names;
}

Handle open_group(hid_t location, const std::string& name, const Where& where) {
  if (!has(location, name)) fail(where, "no '" + name + "'", "a group of this name");
  Handle group(H5Gopen2(location, name.c_str(), H5P_DEFAULT), H5Gclose);
  if (!group.valid()) fail(where.in(name), "no readable group", "a group");
  return group;
}

Handle open_dataset(hid_t location, const std::string& name, const Where& where) {
  if (!has(location, name)) fail(where, "no '" + name + "'", "a dataset of this name");
  Handle dataset(H5Dopen2(location, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) fail(where.in(name), "no readable dataset", "a dataset");
  check_filters(dataset.get(), where.in(name));
  return dataset;
}

std::vector<std::int64_t> dimensions(hid_t dataset, const Where& where) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  if (!space.valid()) fail(where, last_error(), "a dataset with a shape");
  return space_dimensions(space.get(), where);
}

std::vector<std::string> read_strings(hid_t location, const std::string& name, const Where& where,
                                      std::vector<std::int64_t>& shape) {
  const Where at = where.in(name);
  const Handle dataset = open_dataset(location, name, where);
  const H5T_class_t type_class = class_of(dataset.get(), false);
  if (type_class != H5T_STRING) fail(at, class_name(type_class), "text");
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  shape = space_dimensions(space.get(), at);
  return strings(type.get(), space.get(), element_count(shape, at), at, [&](hid_t memory, void* buffer) {
    return H5Dread(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
  });
}

std::string read_string(hid_t location, const std::string& name, const Where& where) {
  std::vector<std::int64_t> shape;
  const std::vector<std::string> values = read_strings(location, name, where, shape);
  if (values.size() != 1) fail(where.in(name), std::to_string(values.size()) + " texts", "one");
  return values[0];
}

bool is_string(hid_t location, const std::string& name) {
  if (!has(location, name) || is_group(location, name)) return false;
  const Handle dataset(H5Dopen2(location, name.c_str(), H5P_DEFAULT), H5Dclose);
  return dataset.valid() && class_of(dataset.get(), false) == H5T_STRING;
}

std::vector<float> read_floats(hid_t location, const std::string& name, const Where& where,
                               std::vector<std::int64_t>& shape) {
  const Where at = where.in(name);
  const Handle dataset = open_dataset(location, name, where);
  const H5T_class_t type_class = class_of(dataset.get(), false);
  if (type_class != H5T_FLOAT && type_class != H5T_INTEGER) fail(at, class_name(type_class), "numbers");
  shape = dimensions(dataset.get(), at);
  std::vector<float> values(element_count(shape, at));
  if (!values.empty()) read_whole(dataset.get(), H5T_NATIVE_FLOAT, values.data(), at);
  return values;
}

double read_real(hid_t location, const std::string& name, const Where& where) {
  const Where at = where.in(name);
  const Handle dataset = open_dataset(location, name, where);
  const H5T_class_t type_class = class_of(dataset.get(), false);
  if (type_class != H5T_FLOAT && type_class != H5T_INTEGER) fail(at, class_name(type_class), "a number");
  if (element_count(dimensions(dataset.get(), at), at) != 1) fail(at, "several numbers", "one");
  double value = 0;
  read_whole(dataset.get(), H5T_NATIVE_DOUBLE, &value, at);
  return value;
}

std::vector<std::int64_t> read_integers(hid_t location, const std::string& name, const Where& where,
                                        std::vector<std::int64_t>& shape) {
  const Where at = where.in(name);
  const Handle dataset = open_dataset(location, name, where);
  const H5T_class_t type_class = class_of(dataset.get(), false);
  if (type_class != H5T_INTEGER) fail(at, class_name(type_class), "integers");
  shape = dimensions(dataset.get(), at);
  std::vector<std::int64_t> values(element_count(shape, at));
  if (!values.empty()) read_whole(dataset.get(), H5T_NATIVE_INT64, values.data(), at);
  return values;
}

std::int64_t read_integer(hid_t location, const std::string& name, const Where& where) {
  std::vector<std::int64_t> shape;
  const std::vector<std::int64_t> values = read_integers(location, name, where, shape);
  if (values.size() != 1) fail(where.in(name), std::to_string(values.size()) + " integers", "one");
  return values[0];
}

std::string read_string_attribute(hid_t object, const std::string& name, const Where& where) {
  const Where at{where.file, where.place + " attribute '" + name + "'"};
  const Handle attribute = open_attribute(object, name, where);
  const H5T_class_t type_class = class_of(attribute.get(), true);
  if (type_class != H5T_STRING) fail(at, class_name(type_class), "text");
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  const std::size_t count = element_count(space_dimensions(space.get(), at), at);
  if (count != 1) fail(at, std::to_string(count) + " texts", "one");
  return strings(type.get(), space.get(), 1, at,
                 [&](hid_t memory, void* buffer) { return H5Aread(attribute.get(), memory, buffer); })[0];
}

std::vector<std::int64_t> read_integer_attribute(hid_t object, const std::string& name, const Where& where) {
  const Where at{where.file, where.place + " attribute '" + name + "'"};
  const Handle attribute = open_attribute(object, name, where);
  const H5T_class_t type_class = class_of(attribute.get(), true);
  if (type_class != H5T_INTEGER) fail(at, class_name(type_class), "integers");
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  std::vector<std::int64_t> values(element_count(space_dimensions(space.get(), at), at));
  if (!values.empty() && H5Aread(attribute.get(), H5T_NATIVE_INT64, values.data()) < 0) {
    fail(at, last_error(), "readable integers");
  }
  return values;
}

double read_real_attribute(hid_t object, const std::string& name, const Where& where) {
  const Where at{where.file, where.place + " attribute '" + name + "'"};
  const Handle attribute = open_attribute(object, name, where);
  const H5T_class_t type_class = class_of(attribute.get(), true);
  if (type_class != H5T_FLOAT && type_class != H5T_INTEGER) fail(at, class_name(type_class), "a number");
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  if (element_count(space_dimensions(space.get(), at), at) != 1) fail(at, "several numbers", "one");
  double value = 0;
  if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0) fail(at, last_error(), "a readable number");
  return value;
}

void read_slab(hid_t dataset, hid_t type, const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& count, void* data, const Where& where) {
  const std::vector<hsize_t> begin(start.begin(), start.end());
  const std::vector<hsize_t> size(count.begin(), count.end());
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle memory(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr), H5Sclose);
  const bool read =
      space.valid() && memory.valid() &&
      H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, size.data(), nullptr) >= 0 &&
      H5Dread(dataset, type, memory.get(), space.get(), H5P_DEFAULT, data) >= 0;
  if (!read) fail(where, last_error(), "readable values");
}

}  // namespace spikeloop::h5
