#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace spikeloop {

/// SHA-256 (FIPS 180-4), fed piece by piece. Used to name content (networks, configs, genotypes), not for
/// security.
class Sha256 {
 public:
  Sha256();
  void update(const void* data, std::size_t size);
  void update(const std::string& text) { update(text.data(), text.size()); }
  /// 64 lower-case hex digits; the object must not be used afterwards.
  std::string hex_digest();

 private:
  void compress(const unsigned char* block);
  std::array<std::uint32_t, 8> state_;
  std::array<unsigned char, 64> buffer_{};
  std::uint64_t total_bytes_ = 0;
};

std::string sha256_hex(const std::string& bytes);

}  // namespace spikeloop
