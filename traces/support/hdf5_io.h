#pragma once
#include <hdf5.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// HDF5's C interface with handles that close themselves and failures as InputError. Private to traces: the
/// file formats' readers and writers use it, nobody else sees hdf5.h.
namespace spikeloop::h5 {

/// Keeps HDF5 from printing its error stack while it lives; the text still reaches the InputError.
class Silence {
 public:
  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, -1);
      close_ = other.close_;
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  /// Closes; negative when HDF5 could not (what was buffered is lost then).
  herr_t reset() { return valid() ? close_(std::exchange(id_, -1)) : 0; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Where something is, for messages: the file as the user named it and a place in it.
struct Where {
  std::string file, place;
  Where in(const std::string& name) const {
    const bool joined = place.empty() || place.back() == '/';
    return {file, place + (joined ? "" : "/") + name};
  }
};

[[noreturn]] void fail(const Where& where, const std::string& found, const std::string& expected);
/// HDF5's own words for what went wrong last: its deepest message.
std::string last_error();

// Reading. A missing object, another class of type, an unreadable filter: InputError naming `where`/name.

/// `kind` names the format in messages ("a NIR file"). A file cut short is found here. Damage in the middle
/// mostly fails where it is read; what crashes libhdf5 1.10 is met in a child process first (trial_read.h).
Handle open_file(const std::string& path, const std::string& kind);
bool has(hid_t location, const std::string& name);
bool is_group(hid_t location, const std::string& name);
/// In the order of their names' bytes.
std::vector<std::string> child_names(hid_t location, const Where& where);
Handle open_group(hid_t location, const std::string& name, const Where& where);
/// Also checks that the dataset can be decompressed here (h5py's lzf cannot).
Handle open_dataset(hid_t location, const std::string& name, const Where& where);
std::vector<std::int64_t> dimensions(hid_t dataset, const Where& where);

std::string read_string(hid_t location, const std::string& name, const Where& where);
/// All elements in order; `shape` receives the dimensions.
std::vector<std::string> read_strings(hid_t location, const std::string& name, const Where& where,
                                      std::vector<std::int64_t>& shape);
/// Float or integer dataset, as float32.
std::vector<float> read_floats(hid_t location, const std::string& name, const Where& where,
                               std::vector<std::int64_t>& shape);
double read_real(hid_t location, const std::string& name, const Where& where);
std::vector<std::int64_t> read_integers(hid_t location, const std::string& name, const Where& where,
                                        std::vector<std::int64_t>& shape);
std::int64_t read_integer(hid_t location, const std::string& name, const Where& where);
/// True for a string dataset.
bool is_string(hid_t location, const std::string& name);

std::string read_string_attribute(hid_t object, const std::string& name, const Where& where);
std::vector<std::int64_t> read_integer_attribute(hid_t object, const std::string& name, const Where& where);
double read_real_attribute(hid_t object, const std::string& name, const Where& where);

// Writing, so that the same calls give the same bytes: no times are stored.

Handle create_file(const std::string& path, const Where& where);
/// Flushes and closes; throws when the bytes did not arrive.
void close_file(Handle& file, const Where& where);
Handle create_group(hid_t location, const std::string& name, const Where& where);
/// Creates a dataset; a non-empty `chunk` makes it chunked, shuffled and deflated.
Handle create_dataset(hid_t location, const std::string& name, hid_t type,
                      const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& chunk,
                      const Where& where);
void write_string(hid_t location, const std::string& name, const std::string& value, const Where& where);
void write_strings(hid_t location, const std::string& name, const std::vector<std::string>& values,
                   const std::vector<std::int64_t>& shape, const Where& where);
void write_floats(hid_t location, const std::string& name, const std::vector<float>& values,
                  const std::vector<std::int64_t>& shape, const Where& where);
void write_int8(hid_t location, const std::string& name, const std::vector<std::int8_t>& values,
                const std::vector<std::int64_t>& shape, const Where& where);
void write_integers(hid_t location, const std::string& name, const std::vector<std::int64_t>& values,
                    const std::vector<std::int64_t>& shape, const Where& where);
void write_int32(hid_t location, const std::string& name, const std::vector<std::int32_t>& values,
                 const Where& where);
void write_integer(hid_t location, const std::string& name, std::int64_t value, const Where& where);
void write_real(hid_t location, const std::string& name, double value, const Where& where);

void write_string_attribute(hid_t object, const std::string& name, const std::string& value,
                            const Where& where);
void write_integer_attribute(hid_t object, const std::string& name, const std::vector<std::int64_t>& value,
                             bool scalar, const Where& where);
void write_real_attribute(hid_t object, const std::string& name, double value, const Where& where);

/// Reads or writes one slab of a dataset; `data` is as large as `count` says.
void read_slab(hid_t dataset, hid_t type, const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& count, void* data, const Where& where);
void write_slab(hid_t dataset, hid_t type, const std::vector<std::int64_t>& start,
                const std::vector<std::int64_t>& count, const void* data, const Where& where);

}  // namespace spikeloop::h5
