#include "tests/fuzz/in_process.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>

#include "traces/support/trial_read.h"

/// Never called: the SystemC library refers to it, as its own main() would start it.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 1; }

namespace spikeloop {

void try_in_child(const std::string& /*file*/, const std::string& /*kind*/,
                  const std::function<void()>& /*read*/) {}

namespace fuzz {

MemoryFile::MemoryFile() : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
  if (fd_ < 0) std::abort();
  path_ = "/proc/self/fd/" + std::to_string(fd_);
}

MemoryFile::~MemoryFile() { close(fd_); }

void MemoryFile::write(const void* data, std::size_t size) const {
  if (ftruncate(fd_, 0) != 0 || pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
}

std::string Decisions::text(std::size_t most) {
  std::string text;
  for (std::size_t n = below(static_cast<std::uint32_t>(most) + 1); n > 0; --n)
    text += static_cast<char>(byte());
  return text;
}

std::int64_t Decisions::integer() {
  constexpr std::array<std::int64_t, 12> kEdges{-1,
                                                0,
                                                127,
                                                128,
                                                255,
                                                65536,
                                                std::numeric_limits<std::int32_t>::max(),
                                                std::numeric_limits<std::int32_t>::min(),
                                                std::int64_t{1} << 32,
                                                std::int64_t{1} << 40,
                                                std::numeric_limits<std::int64_t>::max(),
                                                std::numeric_limits<std::int64_t>::min()};
  const std::uint8_t how = byte();
  return how < 192 ? how % 9 : kEdges[how % kEdges.size()];
}

double Decisions::real() {
  constexpr std::array<double, 8> kEdges{
      -1, -0.0, 1e-45, 1e30, 1e300, -1e300, std::numeric_limits<double>::infinity(), NAN};
  const std::uint8_t how = byte();
  return how < 192 ? how / 64.0 : kEdges[how % kEdges.size()];
}

}  // namespace fuzz
}  // namespace spikeloop
