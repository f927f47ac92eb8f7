#include <hdf5.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/fuzz/in_process.h"

/// Closing the files that edits made unwritable would crash libhdf5 at the end.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) { return H5dont_atexit() < 0 ? 1 : 0; }

namespace spikeloop::fuzz {
namespace {

constexpr std::uint32_t kMostEdits = 6;

ssize_t left_by_edits = 0;

ssize_t open_objects() { return H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL); }

struct Object {
  std::string path;
  H5O_type_t type;
};

std::vector<Object> objects_of(hid_t file) {
  std::vector<Object> objects;
  const auto add = [](hid_t, const char* name, const H5O_info_t* info, void* out) -> herr_t {
    if (std::strcmp(name, ".") != 0) static_cast<std::vector<Object>*>(out)->push_back({name, info->type});
    return 0;
  };
  H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add, &objects);
  return objects;
}

hid_t some_type(Decisions& d) {
  switch (d.below(12)) {
    case 0:
      return H5Tcopy(H5T_STD_I8LE);
    case 1:
      return H5Tcopy(H5T_STD_U8LE);
    case 2:
      return H5Tcopy(H5T_STD_I64BE);
    case 3:
      return H5Tcopy(H5T_STD_U64LE);
    case 4:
      return H5Tcopy(H5T_IEEE_F32LE);
    case 5:
      return H5Tcopy(H5T_IEEE_F64BE);
    case 6: {
      const hid_t text = H5Tcopy(H5T_C_S1);
      H5Tset_size(text, 1 + d.below(40));
      return text;
    }
    case 7: {
      const hid_t text = H5Tcopy(H5T_C_S1);
      H5Tset_size(text, H5T_VARIABLE);
      return text;
    }
    case 8: {
      const hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
      H5Tinsert(pair, "a", 0, H5T_STD_I32LE);
      H5Tinsert(pair, "b", 4, H5T_IEEE_F32LE);
      return pair;
    }
    case 9: {
      const std::int8_t one = 1;
      const hid_t words = H5Tenum_create(H5T_STD_I8LE);
      H5Tenum_insert(words, "TRUE", &one);
      return words;
    }
    case 10:
      return H5Tvlen_create(H5T_STD_I32LE);
    default:
      return H5Tcopy(H5T_STD_I32LE);
  }
}

hid_t some_space(Decisions& d, std::vector<hsize_t>& sizes) {
  const std::uint32_t rank = d.below(8);
  if (rank == 6) return H5Screate(H5S_NULL);
  if (rank == 7) return H5Screate(H5S_SCALAR);
  for (std::uint32_t i = 0; i < rank; ++i)
    sizes.push_back(d.byte() < 240 ? d.below(9) : static_cast<hsize_t>(1) << d.below(41));
  return H5Screate_simple(static_cast<int>(rank), sizes.data(), nullptr);
}

/// Writes something into a whole dataset or attribute, unless it is huge.
template <class Write>
void fill(Decisions& d, hid_t type, hid_t space, Write write) {
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count <= 0 || count > 4096) return;
  const auto n = static_cast<std::size_t>(count);
  const H5T_class_t type_class = H5Tget_class(type);
  if (type_class == H5T_FLOAT) {
    std::vector<double> values(n);
    for (double& value : values) value = d.real();
    write(H5T_NATIVE_DOUBLE, values.data());
  } else if (type_class == H5T_INTEGER) {
    std::vector<std::int64_t> values(n);
    for (std::int64_t& value : values) value = d.integer();
    write(H5T_NATIVE_INT64, values.data());
  } else if (H5Tis_variable_str(type) > 0) {
    std::vector<std::string> texts(n);
    std::vector<const char*> pointers;
    for (std::string& text : texts) pointers.push_back((text = d.text(12)).c_str());
    write(type, pointers.data());
  } else if (type_class != H5T_VLEN) {
    std::vector<std::uint8_t> bytes(n * H5Tget_size(type));
    for (std::uint8_t& byte : bytes) byte = d.byte();
    write(type, bytes.data());
  }
}

void new_dataset(hid_t file, const std::string& path, Decisions& d) {
  std::vector<hsize_t> sizes;
  const hid_t space = some_space(d, sizes);
  const hid_t type = some_type(d);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  if (!sizes.empty() && d.below(2) == 1) {
    std::vector<hsize_t> chunk(sizes.size(), 1 + d.below(4));
    H5Pset_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
    const std::uint32_t filter = d.below(4);
    if (filter == 1) H5Pset_deflate(plist, 1);
    if (filter == 2) H5Pset_fletcher32(plist);
    if (filter == 3) H5Pset_filter(plist, 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);
  }
  const hid_t dataset = H5Dcreate2(file, path.c_str(), type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (dataset >= 0) {
    fill(d, type, space, [&](hid_t memory, const void* data) {
      H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    });
    H5Dclose(dataset);
  }
  H5Pclose(plist);
  H5Tclose(type);
  H5Sclose(space);
}

void new_values(hid_t file, const std::string& path, Decisions& d) {
  const hid_t dataset = H5Dopen2(file, path.c_str(), H5P_DEFAULT);
  if (dataset < 0) return;
  const hid_t type = H5Dget_type(dataset);
  const hid_t space = H5Dget_space(dataset);
  fill(d, type, space, [&](hid_t memory, const void* data) {
    H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  });
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
}

void change_attribute(hid_t file, const std::string& path, Decisions& d) {
  constexpr std::array<const char*, 15> kNames{
      "format", "version", "network_sha256", "dataset",  "producer", "created",   "timesteps", "shape",
      "rate",   "scale",   "bits",           "__type__", "dt",       "n_neurons", "t_max"};
  const hid_t object = H5Oopen(file, path.c_str(), H5P_DEFAULT);
  if (object < 0) return;
  const char* name = kNames[d.below(kNames.size())];
  H5Adelete(object, name);
  if (d.below(4) != 0) {
    std::vector<hsize_t> sizes;
    const hid_t space = some_space(d, sizes);
    const hid_t type = some_type(d);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
      fill(d, type, space, [&](hid_t memory, const void* data) { H5Awrite(attribute, memory, data); });
      H5Aclose(attribute);
    }
    H5Tclose(type);
    H5Sclose(space);
  }
  H5Oclose(object);
}

void edit(hid_t file, Decisions& d) {
  const std::vector<Object> objects = objects_of(file);
  if (objects.empty()) return;
  const auto& [path, type] = objects[d.below(static_cast<std::uint32_t>(objects.size()))];
  const std::string& other = objects[d.below(static_cast<std::uint32_t>(objects.size()))].path;
  const auto remove = [&, name = path] { H5Ldelete(file, name.c_str(), H5P_DEFAULT); };
  switch (d.below(12)) {
    case 0:
      remove();
      break;
    case 1:
      remove();
      new_dataset(file, path, d);
      break;
    case 2:
    case 3:
    case 4:
      if (type == H5O_TYPE_DATASET) new_values(file, path, d);
      break;
    case 5:
      change_attribute(file, d.below(2) == 0 ? "/" : path, d);
      break;
    case 6:
      remove();
      H5Lcreate_hard(file, other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
      break;
    case 7:
      remove();
      H5Lcreate_soft(d.below(2) == 0 ? ("/" + other).c_str() : "/nowhere", file, path.c_str(), H5P_DEFAULT,
                     H5P_DEFAULT);
      break;
    case 8:
      remove();
      H5Lcreate_external("/nonexistent", "/", file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
      break;
    case 9: {  // a copy of another object, in its place or beside it
      const std::string target = d.below(2) == 0 ? path : path + "2";
      if (target == path) remove();
      H5Ocopy(file, other.c_str(), file, target.c_str(), H5P_DEFAULT, H5P_DEFAULT);
      break;
    }
    case 10: {
      remove();
      const hid_t group = H5Gcreate2(file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      if (group >= 0) H5Gclose(group);
      break;
    }
    default: {
      remove();
      const hid_t named = some_type(d);
      H5Tcommit2(file, path.c_str(), named, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Tclose(named);
    }
  }
}

}  // namespace

void expect_all_closed() {
  if (open_objects() > left_by_edits) std::abort();
}

std::string edit_hdf5(const std::string& bytes, Decisions& decisions) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1U << 16U, false);
  H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size());
  const hid_t file = H5Fopen("fuzz", H5F_ACC_RDWR, access);
  H5Pclose(access);
  if (file < 0) std::abort();
  for (std::uint32_t i = 0; i < kMostEdits && decisions.left(); ++i) edit(file, decisions);
  H5Fflush(file, H5F_SCOPE_LOCAL);
  std::string edited(static_cast<std::size_t>(H5Fget_file_image(file, nullptr, 0)), '\0');
  H5Fget_file_image(file, edited.data(), edited.size());
  // libhdf5 1.10 cannot always write what it let us do, and then keeps the file for ever.
  if (H5Fclose(file) < 0) edited.clear();
  left_by_edits = open_objects();
  return edited;
}

}  // namespace spikeloop::fuzz
