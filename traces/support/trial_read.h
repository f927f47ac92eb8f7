#pragma once
#include <functional>
#include <string>

namespace spikeloop {

/// Runs `read` in a forked child first. libhdf5 1.10 trusts much of what a file says about itself: one that
/// was damaged in the middle can crash it, keep it busy for ever, or make it take gigabytes. Any of these is
/// an InputError naming `file` here, and so is whatever InputError `read` throws; only a file that the child
/// could read is worth reading in this process. `kind` names the format in messages ("a NIR file").
///
/// Costs a fork (0.5 ms; 10 ms in a process with LibTorch) and the reading: of a network of 20 MB 2.3 times
/// the processor time (tests/bench/read_cost.sh). The child only reads and ends by _exit, so threads of the
/// caller do not matter as long as none of them uses HDF5.
void try_in_child(const std::string& file, const std::string& kind, const std::function<void()>& read);

}  // namespace spikeloop
