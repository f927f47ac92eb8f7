#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>

#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/trial_read.h"

#ifdef SPIKELOOP_WITHOUT_TRIAL
namespace spikeloop {
/// Found before the library's: what reading costs without the child.
void try_in_child(const std::string& /*file*/, const std::string& /*kind*/,
                  const std::function<void()>& /*read*/) {}
}  // namespace spikeloop
#endif

namespace {

/// Of this process and its children so far, in ms: what else the machine does is not counted.
double processor_ms() {
  double ms = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage use{};
    getrusage(who, &use);
    for (const timeval& t : {use.ru_utime, use.ru_stime})
      ms += 1e3 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_usec);
  }
  return ms;
}

}  // namespace

/// Least processor time of reading each file, a network (.nir) or a trace with its first sample: NAME
/// MILLISECONDS.
/// usage: read_cost REPEATS FILE...
int main(int argc, char** argv) {
  try {
    const int repeats = argc > 1 ? std::stoi(argv[1]) : 0;
    for (int i = 2; i < argc; ++i) {
      const std::string file = argv[i];
      const bool network = file.size() > 4 && file.compare(file.size() - 4, 4, ".nir") == 0;
      double best_ms = 1e300;
      for (int r = 0; r < repeats; ++r) {
        const double start = processor_ms();
        if (network) {
          spikeloop::traces::read_nir(file);
        } else {
          spikeloop::traces::TraceReader(file).input(0);
        }
        best_ms = std::min(best_ms, processor_ms() - start);
      }
      std::printf("%s %.3f\n", file.substr(file.rfind('/') + 1).c_str(), best_ms);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "read_cost: %s\n", error.what());
    return 1;
  }
}
