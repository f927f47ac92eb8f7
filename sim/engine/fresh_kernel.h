#pragma once
#include <memory>
#include <systemc>

namespace spikeloop::sim {

/// Gives the code in its scope a SystemC kernel of its own, so that a process can run many simulations.
///
/// A kernel that has started takes no new modules, and the library keeps the current one behind a global
/// pointer. Modules must be gone before this is. The kernel found at the start is put back and never freed:
/// the library's own global events belong to the one made before main(). One thread only. This leans on
/// SystemC 2.3's implementation, not on IEEE 1666; fresh_kernel_test runs two simulations so that an upgrade
/// that breaks it is seen.
class FreshKernel {
 public:
  FreshKernel() { make_current(kernel_.get()); }
  ~FreshKernel() {
    kernel_.reset();  // while still current: what it frees may ask for the current kernel
    make_current(outer_);
  }
  FreshKernel(const FreshKernel&) = delete;
  FreshKernel& operator=(const FreshKernel&) = delete;
  FreshKernel(FreshKernel&&) = delete;
  FreshKernel& operator=(FreshKernel&&) = delete;

 private:
  static void make_current(sc_core::sc_simcontext* kernel) {
    sc_core::sc_curr_simcontext = kernel;
    sc_core::sc_default_global_context = kernel;
  }
  sc_core::sc_simcontext* outer_ = sc_core::sc_get_curr_simcontext();
  std::unique_ptr<sc_core::sc_simcontext> kernel_ = std::make_unique<sc_core::sc_simcontext>();
};

}  // namespace spikeloop::sim
