#include <algorithm>

#include "models/data/events.h"

namespace spikeloop::models {

std::vector<std::int32_t> frames_of(const std::vector<std::int64_t>& times_us, const Framing& framing,
                                    std::int64_t begin_us) {
  const auto count = static_cast<std::int64_t>(times_us.size());
  const std::int64_t last = framing.frames - 1;
  std::vector<std::int32_t> result(times_us.size());
  if (count == 0) return result;
  const bool by_count = framing.by == Framing::By::kCount, whole = framing.frame_us == 0;
  const std::int64_t origin = !whole && !framing.from_first_event ? begin_us : times_us.front();
  const std::int64_t span = times_us.back() - times_us.front();
  const std::int64_t step = by_count ? count / framing.frames
                            : whole  ? span / framing.frames
                                     : framing.frame_us;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    const std::int64_t frame = step == 0 ? last : (by_count ? i : times_us[index] - origin) / step;
    const bool dropped = !by_count && !whole && (frame > last || times_us[index] < origin);
    result[index] = dropped ? -1 : static_cast<std::int32_t>(std::min(frame, last));
  }
  return result;
}

void bin_events(const Recording& recording, const Framing& framing, std::uint8_t* out, std::int64_t begin_us,
                std::int64_t end_us) {
  const auto earlier = [](const Event& event, std::int64_t time_us) { return event.time_us < time_us; };
  const auto& events = recording.events;
  const auto first = std::lower_bound(events.begin(), events.end(), begin_us, earlier);
  const auto end = std::lower_bound(first, events.end(), end_us, earlier);
  std::vector<std::int64_t> times_us;
  times_us.reserve(static_cast<std::size_t>(end - first));
  for (auto event = first; event != end; ++event) times_us.push_back(event->time_us);
  const std::vector<std::int32_t> frames = frames_of(times_us, framing, begin_us);
  const int most = framing.binary ? 1 : 255;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i] < 0) continue;
    const Event& event = first[static_cast<std::ptrdiff_t>(i)];
    const std::int64_t plane = 2 * std::int64_t{frames[i]} + (event.on ? 1 : 0);
    std::uint8_t& pixel = out[(plane * recording.height + event.y) * recording.width + event.x];
    if (pixel < most) ++pixel;
  }
}

}  // namespace spikeloop::models
