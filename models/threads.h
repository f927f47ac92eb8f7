#pragma once
#include <ATen/Parallel.h>

namespace spikeloop::models {

/// Sets LibTorch's number of threads (of this thread's operations) for a scope: with one, sums have one
/// order.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~ThreadCount() { at::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace spikeloop::models
