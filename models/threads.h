#pragma once
#include <ATen/Parallel.h>

namespace spikeloop::models {

/// OpenBLAS's own threads wait for each other in spinning barriers, which cost seconds when other processes
/// want the cores; work is spread over processes and shards instead. Does nothing with another BLAS.
void use_one_blas_thread();

/// False with Debian's libopenblas0-serial: it gives wrong products when two threads call it at once.
bool blas_takes_threads();

/// Sets LibTorch's number of threads (of this thread's operations) for a scope: with one, sums have one
/// order.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(at::get_num_threads()) {
    use_one_blas_thread();
    at::set_num_threads(threads);
  }
  ~ThreadCount() { at::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace spikeloop::models
