#pragma once
#include <c10/core/Device.h>

#include <string>

namespace spikeloop::models {

/// "cpu", "cuda" or "cuda:N". Throws InputError naming `place` for another text and for a device that this
/// machine or this LibTorch does not have.
c10::Device open_device(const std::string& text, const std::string& place);

/// Half precision where CUDA operations gain from it, for the operations of this thread in a scope.
class MixedPrecision {
 public:
  explicit MixedPrecision(bool on);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  bool on_, before_ = false;
};

}  // namespace spikeloop::models
