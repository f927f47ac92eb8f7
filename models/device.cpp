#include "models/device.h"

#include <ATen/autocast_mode.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <charconv>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

// LibTorch 2.4 gave autocast a device; the older functions mean CUDA.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
bool autocast_on() { return at::autocast::is_autocast_enabled(at::kCUDA); }
void set_autocast(bool on) { at::autocast::set_autocast_enabled(at::kCUDA, on); }
#else
bool autocast_on() { return at::autocast::is_enabled(); }
void set_autocast(bool on) { at::autocast::set_enabled(on); }
#endif

}  // namespace

c10::Device open_device(const std::string& text, const std::string& place) {
  if (text == "cpu") return c10::Device(c10::kCPU);
  int index = 0;
  bool good = text == "cuda";
  if (text.rfind("cuda:", 0) == 0) {
    const char *begin = text.data() + 5, *end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(begin, end, index);
    good = begin != end && error == std::errc() && rest == end && index >= 0;
  }
  if (!good) throw InputError("command line", place, '"' + text + '"', "cpu, cuda or cuda:N");
  const auto devices = torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  if (devices == 0)
    throw InputError("command line", place, '"' + text + "\", and no CUDA device that this LibTorch can use",
                     "cpu, or a machine with a GPU and LibTorch with CUDA");
  if (index >= devices)
    throw InputError("command line", place, '"' + text + '"',
                     "cuda:0 to cuda:" + std::to_string(devices - 1));
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

MixedPrecision::MixedPrecision(bool on) : on_(on) {
  if (!on_) return;
  before_ = autocast_on();
  set_autocast(true);
}

MixedPrecision::~MixedPrecision() {
  if (!on_) return;
  at::autocast::clear_cache();
  set_autocast(before_);
}

}  // namespace spikeloop::models
