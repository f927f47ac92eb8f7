#pragma once
#include <cstdint>
#include <string>

namespace spikeloop::models {

/// Decodes a JPEG file to uint8 [3, height, width]; greyscale gives three equal channels. Throws InputError
/// for another size, damage (also what libjpeg would only warn of and fill with grey) and colour spaces other
/// than greyscale and YCbCr or RGB.
void read_jpeg(const std::string& path, std::int64_t height, std::int64_t width, std::uint8_t* out);

}  // namespace spikeloop::models
