#include "tests/models/data/writers.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
// After stdio.
#include <jpeglib.h>

#include "tests/models/data/helpers.h"
#include "traces/support/hdf5_io.h"

namespace spikeloop::models {

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value >>= 8U) text += static_cast<char>(value & 0xFFU);
  return text;
}

std::string big(std::uint64_t value, int bytes) {
  const std::string text = little(value, bytes);
  return {text.rbegin(), text.rend()};
}

std::string idx_images(std::int64_t count, std::uint8_t first_pixel) {
  std::string bytes = big(0x803, 4) + big(static_cast<std::uint64_t>(count), 4) + big(28, 4) + big(28, 4);
  for (std::int64_t i = 0; i < count; ++i)
    bytes += static_cast<char>(first_pixel + i) + std::string(783, '\1');
  return bytes;
}

std::string idx_labels(const std::vector<std::uint8_t>& labels) {
  return big(0x801, 4) + big(labels.size(), 4) + std::string(labels.begin(), labels.end());
}

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib");
  std::string out(bytes.size() + 1000, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string jpeg(int size, int components, const std::vector<std::uint8_t>& colour) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long length = 0;
  jpeg_mem_dest(&info, &bytes, &length);
  info.image_width = info.image_height = static_cast<JDIMENSION>(size);
  info.input_components = components;
  info.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> row;
  for (int x = 0; x < size; ++x) row.insert(row.end(), colour.begin(), colour.begin() + components);
  for (int y = 0; y < size; ++y) {
    JSAMPROW line = row.data();
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  const std::string text(reinterpret_cast<char*>(bytes), length);
  jpeg_destroy_compress(&info);
  std::free(bytes);  // libjpeg's own allocation
  return text;
}

std::string nmnist_event(unsigned x, unsigned y, bool on, unsigned time_us) {
  return big(x, 1) + big(y, 1) + big((on ? 0x800000U : 0U) | time_us, 3);
}

std::string aedat31(const std::vector<Packet>& packets) {
  std::string bytes = "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n";
  for (const Packet& packet : packets) {
    const auto number = packet.events.size();
    bytes += little(packet.type, 2) + little(1, 2) + little(8, 4) + little(4, 4) +
             little(packet.overflow, 4) + little(number + packet.spare, 4) + little(number, 4) +
             little(number, 4);
    for (const Event& event : packet.events) {
      bytes +=
          little(std::uint64_t{event.x} << 17U | std::uint64_t{event.y} << 2U | (event.on ? 2U : 0U) | 1U,
                 4) +
          little(static_cast<std::uint64_t>(event.time_us), 4);
    }
    bytes += std::string(8 * packet.spare, '\0');
  }
  return bytes;
}

std::string aedat2(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& words) {
  std::string bytes = "#!AER-DAT2.0\r\n# This is a raw AE data file\r\n";
  for (const auto& [address, time_us] : words) bytes += big(address, 4) + big(time_us, 4);
  return bytes;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data, int version) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  const int width = version == 1 ? 2 : 4;
  header += std::string(63 - (8 + static_cast<std::size_t>(width) + header.size()) % 64, ' ') + '\n';
  return "\x93NUMPY" + little(static_cast<unsigned>(version), 1) + std::string(1, '\0') +
         little(header.size(), width) + header + data;
}

void write_npz(const std::string& path, const std::string& name, const std::string& npy_bytes, bool deflate) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  zip_source_t* source = zip_source_buffer(archive, npy_bytes.data(), npy_bytes.size(), 0);
  const auto index = zip_file_add(archive, (name + ".npy").c_str(), source, 0);
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                           0);
  if (zip_close(archive) != 0) throw std::runtime_error("libzip");
}

namespace {

void close_to(h5::Handle& file, const std::string& path) { h5::close_file(file, {path, ""}); }

h5::Handle spikes_group(hid_t file, const std::string& type, const h5::Where& where) {
  const h5::Handle nodes = h5::create_group(file, "nodes", where);
  const h5::Handle node = h5::create_group(nodes.get(), "input", where);
  h5::write_string_attribute(node.get(), "__type__", "NIRNodeData", where);
  const h5::Handle observables = h5::create_group(node.get(), "observables", where);
  h5::Handle spikes = h5::create_group(observables.get(), "spikes", where);
  h5::write_string_attribute(spikes.get(), "__type__", type, where);
  return spikes;
}

}  // namespace

void write_nir_events(const std::string& path, bool ends) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const h5::Where where{path, "/"};
  h5::Handle file = h5::create_file(path, where);
  h5::write_string_attribute(file.get(), "__type__", "NIRGraphData", where);
  {
    const h5::Handle spikes = spikes_group(file.get(), "EventData", where);
    h5::write_integers(spikes.get(), "idx", {7, 0, -1, 3, 3, 3}, {2, 3}, where);
    std::vector<double> times{0.004, 0.001, HUGE_VAL, 0.002, 0.002, 0.003};
    for (double& each : times) each -= ends ? 0 : 0.001;
    const h5::Handle time = h5::create_dataset(spikes.get(), "time", H5T_NATIVE_DOUBLE, {2, 3}, {}, where);
    h5::write_slab(time.get(), H5T_NATIVE_DOUBLE, {0, 0}, {2, 3}, times.data(), where);
    h5::write_integer_attribute(spikes.get(), "n_neurons", {8}, true, where);
    h5::write_real_attribute(spikes.get(), "t_max", 0.004, where);
  }
  h5::write_integers(file.get(), "labels", {1, 2}, {2}, where);
  h5::write_integers(file.get(), "shape", {2, 2, 2}, {3}, where);
  close_to(file, path);
}

void write_nir_grid(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const h5::Where where{path, "/"};
  h5::Handle file = h5::create_file(path, where);
  {
    const h5::Handle spikes = spikes_group(file.get(), "TimeGriddedData", where);
    h5::write_real_attribute(spikes.get(), "dt", 1e-3, where);
    // NumPy's bool is an enumeration in HDF5.
    const h5::Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
    for (std::int8_t value = 0; value < 2; ++value)
      H5Tenum_insert(type.get(), value == 0 ? "FALSE" : "TRUE", &value);
    const std::array<std::int8_t, 12> values{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const h5::Handle data = h5::create_dataset(spikes.get(), "data", type.get(), {1, 4, 3}, {}, where);
    h5::write_slab(data.get(), type.get(), {0, 0, 0}, {1, 4, 3}, values.data(), where);
  }
  close_to(file, path);
}

std::vector<std::string> write_small_dataset(const std::string& name, const std::string& folder) {
  const std::string at = folder + '/';
  const Event event{20, 3, 4, true};
  if (name == "cifar100") {
    for (const char* half : {"train.bin", "test.bin"}) {
      write_bytes(at + half, (std::string(2, '\3') + std::string(3072, '\7')) +
                                 (std::string(2, '\4') + std::string(3072, '\x8')));
    }
  } else if (name == "mnist" || name == "fashion-mnist") {
    write_bytes(at + "train-images-idx3-ubyte", idx_images(3));
    write_bytes(at + "train-labels-idx1-ubyte", idx_labels({1, 2, 3}));
    write_bytes(at + "t10k-images-idx3-ubyte.gz", gzipped(idx_images(2)));
    write_bytes(at + "t10k-labels-idx1-ubyte.gz", gzipped(idx_labels({4, 5})));
  } else if (name == "tiny-imagenet") {
    write_bytes(at + "wnids.txt", "n00000002\nn00000001\n");
    write_bytes(at + "words.txt", "n00000001\tcat, domestic cat\nn00000003\tdog\n");
    write_bytes(at + "val/val_annotations.txt",
                "val_0.JPEG\tn00000001\t0\t0\t1\t1\nval_1.JPEG\tn00000002\t0\t0\t1\t1\n");
    for (const char* wnid : {"n00000001", "n00000002"}) {
      write_bytes(at + "train/" + wnid + "/images/" + wnid + "_0.JPEG", jpeg(64, 3, {200, 100, 50}));
    }
    write_bytes(at + "val/images/val_0.JPEG", jpeg(64, 1, {77}));
    write_bytes(at + "val/images/val_1.JPEG", jpeg(64, 3, {10, 20, 30}));
  } else if (name == "nmnist") {
    for (int digit = 0; digit < 10; ++digit) {
      for (const char* half : {"Train/", "Test/"}) {
        write_bytes(at + half + std::to_string(digit) + "/00001.bin",
                    nmnist_event(1, 2, true, 3) + nmnist_event(5, 6, false, 900));
      }
    }
  } else if (name == "dvs128-gesture") {
    for (const char* half : {"train", "test"}) {
      const std::string file = std::string("user_") + half;
      write_bytes(at + "trials_to_" + half + ".txt", file + ".aedat\n\n");
      write_bytes(at + file + "_labels.csv", "class,startTime_usec,endTime_usec\n1,10,30\n11,30,50\n");
      write_bytes(at + file + ".aedat", aedat31({{{event, {29, 127, 0, false}}}, {{{31, 0, 127, true}}}}));
    }
  } else if (name == "cifar10-dvs") {
    for (const char* label :
         {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}) {
      for (int i = 0; i < 10; ++i) {
        write_bytes(at + label + "/cifar10_" + label + '_' + std::to_string(i) + ".aedat",
                    aedat2({{0x0102U, 5}, {0x7F01U, 9}}));
      }
    }
  } else if (name == "nirdata") {
    write_nir_events(at + "train.h5");
    write_nir_events(at + "test.h5");
  } else if (name == "npz-frames") {
    for (const char* half : {"train/", "test/"}) {
      for (const char* label : {"0", "1"}) {
        const std::string data = little(2, 1) + std::string(2 * 2 * 3 * 4 - 1, '\1');
        write_npz(at + half + label + "/a.npz", "frames", npy("|u1", "(2, 2, 3, 4)", data), label[0] == '1');
      }
    }
  } else {
    throw std::runtime_error("no small " + name);
  }
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace spikeloop::models
