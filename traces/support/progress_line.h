#pragma once
#include <cstdint>
#include <string>

namespace spikeloop {

/// What a progress line says; apart from Progress so that it can be checked without a terminal.
struct ProgressState {
  std::string what, unit, note;
  std::int64_t total = 0, done = 0;  ///< total <= 0: not known
  double elapsed_s = 0;
  bool last = false;  ///< the final line tells the whole time instead of the time left
};

/// One line for a log: "train: 12/391 batches (3 %), 8.1 batches/s, 46.8 s left, loss 1.92".
std::string plain_progress_line(const ProgressState& state);

/// One line of at most `width` columns with a bar; the bar shrinks first, then the end is cut.
std::string live_progress_line(const ProgressState& state, int width);

}  // namespace spikeloop
