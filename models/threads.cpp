#include "models/threads.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

namespace spikeloop::models {

void use_one_blas_thread() {
  using SetThreads = void (*)(int);
  void* const symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
  if (symbol != nullptr) reinterpret_cast<SetThreads>(symbol)(1);
}

bool blas_takes_threads() {
  Dl_info library{};
  const void* const product = dlsym(RTLD_DEFAULT, "sgemm_");
  if (product == nullptr || dladdr(product, &library) == 0 || library.dli_fname == nullptr) return true;
  std::error_code error;
  const std::string path = std::filesystem::canonical(library.dli_fname, error).string();
  return path.find("openblas-serial") == std::string::npos;
}

}  // namespace spikeloop::models
