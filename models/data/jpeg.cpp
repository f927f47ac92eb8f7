#include "models/data/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <vector>
// libjpeg's headers want stdio's FILE first.
#include <jpeglib.h>

#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

/// libjpeg reports through callbacks and leaves an error by longjmp, so nothing between may need a
/// destructor.
struct Errors {
  jpeg_error_mgr manager;  ///< first: libjpeg knows the whole by its address
  std::jmp_buf leave;
  char text[JMSG_LENGTH_MAX];
};

extern "C" {
[[noreturn]] void leave_on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<Errors*>(info->err);
  errors->manager.format_message(info, errors->text);
  std::longjmp(errors->leave, 1);
}
/// Levels below 0 are warnings: damaged data that libjpeg replaces by something.
void message(j_common_ptr info, int level) {
  if (level < 0) leave_on_error(info);
}
}

struct Size {
  std::int64_t width = 0, height = 0;
};

/// False with errors.text set. `pixels` has room for three values of width x height pixels.
bool decode(const std::string& bytes, Size expected, Size& found, std::uint8_t* pixels, Errors& errors) {
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave_on_error;
  errors.manager.emit_message = message;
  if (setjmp(errors.leave) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  found = {static_cast<std::int64_t>(info.image_width), static_cast<std::int64_t>(info.image_height)};
  if (found.width == expected.width && found.height == expected.height) {
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = pixels + static_cast<std::int64_t>(info.output_scanline) * expected.width * 3;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  }
  jpeg_destroy_decompress(&info);
  return true;
}

}  // namespace

void read_jpeg(const std::string& path, std::int64_t height, std::int64_t width, std::uint8_t* out) {
  const std::string bytes = read_file(path);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * height * width));
  Errors errors{};
  Size found;
  if (!decode(bytes, {width, height}, found, pixels.data(), errors)) {
    throw InputError(path, "decode", errors.text, "a whole JPEG file");
  }
  if (found.width != width || found.height != height) {
    throw InputError(path, "image size", std::to_string(found.width) + " x " + std::to_string(found.height),
                     std::to_string(width) + " x " + std::to_string(height));
  }
  const std::int64_t plane = height * width;
  for (std::int64_t p = 0; p < plane; ++p) {
    for (std::int64_t c = 0; c < 3; ++c) out[c * plane + p] = pixels[static_cast<std::size_t>(3 * p + c)];
  }
}

}  // namespace spikeloop::models
