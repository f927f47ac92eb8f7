#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace spikeloop {

/// Progress of long work on stderr: on a terminal one live line with bar, rate and time left; elsewhere plain
/// lines, at most one every `line_interval_s`. Silent when `quiet`.
///
///   Progress p("train epoch 1", 391, "batches");
///   for (...) p.advance(1, "loss 1.92  train 31.2 %");
///   p.finish("...");
class Progress {
 public:
  Progress(std::string what, std::int64_t total, std::string unit, bool quiet = false);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::int64_t done = 1, const std::string& note = "");
  /// Prints the last line (always, also when not on a terminal).
  void finish(const std::string& note = "");

 private:
  void print(bool last);
  std::string what_, unit_, note_;
  std::int64_t total_, done_ = 0;
  bool quiet_, terminal_, finished_ = false;
  std::chrono::steady_clock::time_point start_, last_print_;
};

/// "1 h 02 min", "3 min 20 s", "4.2 s".
std::string format_duration(double seconds);

}  // namespace spikeloop
