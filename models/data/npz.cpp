#include "models/data/npz.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "models/data/readers.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::uint64_t kMostElements = 1U << 26U;

/// The text after "'key':" in the header's Python dictionary.
std::string after_key(const std::string& header, const std::string& key) {
  const std::size_t at = header.find("'" + key + "'");
  const std::size_t colon = at == std::string::npos ? at : header.find(':', at);
  const std::size_t begin = colon == std::string::npos ? colon : header.find_first_not_of(' ', colon + 1);
  return begin == std::string::npos ? "" : header.substr(begin);
}

/// "(16, 2, 128, 128), ..." -> lengths; false for anything else.
bool parse_shape(const std::string& text, std::vector<std::int64_t>& shape, std::uint64_t& elements) {
  const std::size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string::npos) return false;
  elements = 1;
  for (std::size_t at = 1; at < end;) {
    const std::size_t stop = std::min(text.find(',', at), end);
    std::string number = text.substr(at, stop - at);
    number.erase(0, number.find_first_not_of(' '));
    at = stop + 1;
    if (number.empty() && stop == end) break;
    const std::int64_t length = whole_number(number);
    if (length < 0 || static_cast<std::uint64_t>(length) > kMostElements) return false;
    elements *= static_cast<std::uint64_t>(length);
    if (elements > kMostElements) return false;
    shape.push_back(length);
  }
  return true;
}

template <class T>
std::vector<double> converted(const char* bytes, std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

struct Type {
  const char* code;
  std::size_t size;
  std::vector<double> (*convert)(const char*, std::size_t);
};
constexpr Type kTypes[] = {{"|b1", 1, converted<std::uint8_t>}, {"|u1", 1, converted<std::uint8_t>},
                           {"|i1", 1, converted<std::int8_t>},  {"<u2", 2, converted<std::uint16_t>},
                           {"<i2", 2, converted<std::int16_t>}, {"<u4", 4, converted<std::uint32_t>},
                           {"<i4", 4, converted<std::int32_t>}, {"<u8", 8, converted<std::uint64_t>},
                           {"<i8", 8, converted<std::int64_t>}, {"<f4", 4, converted<float>},
                           {"<f8", 8, converted<double>}};

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t length : shape) text += (text.empty() ? "" : ", ") + std::to_string(length);
  return '[' + text + ']';
}

NpyArray parse_npy(const std::string& bytes, const std::string& path, const std::string& name) {
  const auto fail = [&](const std::string& found, const std::string& expected) {
    throw InputError(path, name + ".npy", found, expected);
  };
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0) fail("no NumPy array", "one");
  const std::size_t width = bytes[6] == 1 ? 2 : 4;  // of the header's length, by version
  const std::uint64_t length = little_endian(bytes, 8, width);
  if (bytes[6] < 1 || bytes[6] > 3 || length > bytes.size() - 8 - width)
    fail("a damaged header", "a whole one");
  const std::size_t begin = 8 + width + static_cast<std::size_t>(length);
  const std::string header = bytes.substr(8 + width, static_cast<std::size_t>(length));
  NpyArray array;
  std::uint64_t elements = 0;
  if (!parse_shape(after_key(header, "shape"), array.shape, elements)) {
    fail("header " + header.substr(0, 80), "a shape of at most 2^26 elements");
  }
  if (after_key(header, "fortran_order").rfind("False", 0) != 0) fail("an array in Fortran order", "C order");
  const std::string type = after_key(header, "descr").substr(0, 5);
  for (const Type& known : kTypes) {
    if (type != '\'' + std::string(known.code) + '\'') continue;
    const std::uint64_t expected = elements * known.size;
    if (bytes.size() - begin != expected) {
      fail(std::to_string(bytes.size() - begin) + " bytes",
           std::to_string(expected) + " for " + shape_text(array.shape) + " of type " + known.code);
    }
    array.values = known.convert(bytes.data() + begin, static_cast<std::size_t>(elements));
    return array;
  }
  fail("elements of type " + type, "numbers, little-endian");
  return array;
}

NpyArray read_npz(const std::string& path, const std::string& name) {
  int code = 0;
  const std::unique_ptr<zip_t, void (*)(zip_t*)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code),
                                                         zip_discard);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw InputError(path, "open", text, "a .npz file");
  }
  const std::string member = name + ".npy";
  zip_stat_t status;
  if (zip_stat(archive.get(), member.c_str(), 0, &status) != 0 || (status.valid & ZIP_STAT_SIZE) == 0) {
    throw InputError(path, "arrays", "no \"" + name + '"', "it, as SpikingJelly writes it");
  }
  if (status.size > 8 * kMostElements + 65536) {
    throw InputError(path, member, std::to_string(status.size) + " bytes", "at most 2^26 elements");
  }
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen(archive.get(), member.c_str(), 0),
                                                               zip_fclose);
  if (!file) throw InputError(path, member, zip_strerror(archive.get()), "a stored or deflated array");
  // In pieces: what a damaged archive says about the size need not be there.
  std::string bytes;
  std::vector<char> buffer(1U << 18U);
  while (true) {
    const zip_int64_t count = zip_fread(file.get(), buffer.data(), buffer.size());
    if (count < 0) throw InputError(path, member, zip_file_strerror(file.get()), "a whole archive");
    if (count == 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > status.size) break;
  }
  if (bytes.size() != status.size) {
    throw InputError(path, member, std::to_string(bytes.size()) + " bytes", std::to_string(status.size));
  }
  return parse_npy(bytes, path, name);
}

}  // namespace spikeloop::models
