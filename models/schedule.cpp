#include "models/schedule.h"

#include <algorithm>
#include <cmath>

#include "models/words.h"

namespace spikeloop::models {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kCycleStart = 1.0 / 25, kCycleRise = 0.3;
constexpr Words<ScheduleKind, 3> kKinds{{{"cosine", ScheduleKind::kCosine},
                                         {"onecycle", ScheduleKind::kOneCycle},
                                         {"constant", ScheduleKind::kConstant}}};

/// Half a cosine from `from` (x = 0) to `to` (x = 1).
double ease(double from, double to, double x) { return to + 0.5 * (from - to) * (1 + std::cos(kPi * x)); }

/// x: the part of the steps after the warm-up that is done.
double after_warmup(const Schedule& schedule, double x) {
  switch (schedule.kind) {
    case ScheduleKind::kCosine:
      return ease(schedule.lr, schedule.min_lr, x);
    case ScheduleKind::kOneCycle:
      return x < kCycleRise ? ease(schedule.lr * kCycleStart, schedule.lr, x / kCycleRise)
                            : ease(schedule.lr, schedule.min_lr, (x - kCycleRise) / (1 - kCycleRise));
    case ScheduleKind::kConstant:
      break;
  }
  return schedule.lr;
}

}  // namespace

double learning_rate(const Schedule& schedule, std::int64_t step) {
  if (step < schedule.warmup_steps)
    return after_warmup(schedule, 0) * static_cast<double>(step + 1) /
           static_cast<double>(schedule.warmup_steps);
  const std::int64_t left = std::max<std::int64_t>(1, schedule.steps - schedule.warmup_steps);
  return after_warmup(schedule,
                      static_cast<double>(step - schedule.warmup_steps) / static_cast<double>(left));
}

const char* to_text(ScheduleKind kind) { return word_of(kKinds, kind); }
ScheduleKind parse_schedule_kind(const std::string& text, const std::string& place) {
  return parse_word(kKinds, text, place);
}

}  // namespace spikeloop::models
