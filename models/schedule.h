#pragma once
#include <cstdint>
#include <string>

/// Learning rate over the steps of a training. Plain C++, no LibTorch.
namespace spikeloop::models {

/// After the warm-up, x from 0 to 1 over the remaining steps:
///   cosine    min_lr + (lr - min_lr) (1 + cos(pi x)) / 2        (Loshchilov and Hutter, 2017; no restarts)
///   onecycle  cosine from lr / 25 up to lr over the first 30 %, then cosine down to min_lr
///             (Smith and Topin, 2018). As PyTorch's OneCycleLR with its defaults, except: it ends at min_lr,
///             not at lr / 250000; lr is reached at 30 % of the steps and min_lr would be after the last one,
///             where PyTorch's are a step earlier each; momentum is not cycled
///   constant  lr
enum class ScheduleKind { kCosine, kOneCycle, kConstant };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  double lr = 0.1, min_lr = 1e-3;
  std::int64_t warmup_steps = 0;  ///< step s of them has (s + 1) / warmup_steps of what comes after
  std::int64_t steps = 1;         ///< of the whole training, with the warm-up
};

/// Of step 0, 1, ..., steps - 1.
double learning_rate(const Schedule& schedule, std::int64_t step);

/// "cosine", "onecycle", "constant". parse_* throws InputError naming `place`.
const char* to_text(ScheduleKind kind);
ScheduleKind parse_schedule_kind(const std::string& text, const std::string& place);

}  // namespace spikeloop::models
