#include "traces/support/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "traces/support/progress_line.h"

namespace spikeloop {

namespace {

constexpr double kLiveIntervalS = 0.1;
constexpr double kLineIntervalS = 10;
constexpr int kMaxBarWidth = 30;
constexpr int kMinBarWidth = 8;

template <class... Args>
std::string format(const char* pattern, Args... args) {
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, pattern, args...);
  return std::string(buffer, static_cast<std::size_t>(std::clamp(n, 0, static_cast<int>(sizeof buffer) - 1)));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string format_rate(double rate) {
  if (rate >= 100) return format("%.0f", rate);
  return format(rate >= 1 ? "%.1f" : "%.2g", rate);
}

/// "12/391 batches (3 %)" or, without a total, "12 batches".
std::string count_text(const ProgressState& s) {
  std::string text = std::to_string(s.done);
  if (s.total > 0) text += "/" + std::to_string(s.total);
  text += " " + s.unit;
  // Rounded down: 100 % means that all is done.
  if (s.total > 0) text += " (" + std::to_string(s.done * 100 / s.total) + " %)";
  return text;
}

/// ", 8.1 batches/s, 46.8 s left, loss 1.92"
std::string tail_text(const ProgressState& s) {
  std::string text;
  const double rate = s.elapsed_s > 0 ? static_cast<double>(s.done) / s.elapsed_s : 0;
  if (rate > 0) text += ", " + format_rate(rate) + " " + s.unit + "/s";
  if (s.last) {
    text += ", took " + format_duration(s.elapsed_s);
  } else if (rate > 0 && s.total > 0) {
    text += ", " + format_duration(static_cast<double>(std::max<std::int64_t>(s.total - s.done, 0)) / rate) +
            " left";
  }
  if (!s.note.empty()) text += ", " + s.note;
  return text;
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

int columns(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), starts_character));
}

/// The first `width` UTF-8 characters.
std::string cut(const std::string& text, int width) {
  int seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == width) return text.substr(0, i);
  }
  return text;
}

int terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

std::string plain_progress_line(const ProgressState& state) {
  return state.what + ": " + count_text(state) + tail_text(state);
}

std::string live_progress_line(const ProgressState& state, int width) {
  width = std::max(width, 1);
  std::string bar;
  if (state.total > 0) {
    const int room = std::min(kMaxBarWidth, width - columns(plain_progress_line(state)) - 3);
    if (room >= kMinBarWidth) {
      const double part =
          std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
      const auto filled = static_cast<std::size_t>(std::floor(part * room));
      bar = "[" + std::string(filled, '#') + std::string(static_cast<std::size_t>(room) - filled, '.') + "] ";
    }
  }
  return cut(state.what + ": " + bar + count_text(state) + tail_text(state), width);
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 59.95) return format("%.1f s", seconds);
  if (seconds >= 1e15) return "?";
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return format("%lld min %02lld s", whole / 60, whole % 60);
  const long long minutes = std::llround(seconds / 60);
  if (minutes < 60) return "1 h 00 min";
  return format("%lld h %02lld min", minutes / 60, minutes % 60);
}

Progress::Progress(std::string what, std::int64_t total, std::string unit, bool quiet)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_print_(start_) {}

Progress::~Progress() {
  // Left by an exception: whatever is printed next starts on a line of its own.
  if (!finished_ && !quiet_ && terminal_ && last_print_ != start_) std::fputc('\n', stderr);
}

void Progress::advance(std::int64_t done, const std::string& note) {
  done_ += done;
  if (!note.empty()) note_ = note;
  if (quiet_ || finished_) return;
  const bool first_live = terminal_ && last_print_ == start_;
  if (first_live || seconds_since(last_print_) >= (terminal_ ? kLiveIntervalS : kLineIntervalS)) print(false);
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  if (!note.empty()) note_ = note;
  if (!quiet_) print(true);
  finished_ = true;
}

void Progress::print(bool last) {
  last_print_ = std::chrono::steady_clock::now();
  const ProgressState state{what_, unit_, note_, total_, done_, seconds_since(start_), last};
  if (terminal_) {
    // A full last column would wrap on some terminals.
    std::fprintf(stderr, "\r%s\x1b[K%s", live_progress_line(state, terminal_width() - 1).c_str(),
                 last ? "\n" : "");
  } else {
    std::fprintf(stderr, "%s\n", plain_progress_line(state).c_str());
  }
  std::fflush(stderr);
}

}  // namespace spikeloop
