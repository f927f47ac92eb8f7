#include "tools/sweep/sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "sim/config/chip_config.h"
#include "sim/stimulus.h"
#include "tools/support/command_line.h"
#include "tools/sweep/table.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/executor.h"
#include "traces/support/files.h"
#include "traces/support/progress.h"
#include "traces/support/sha256.h"

namespace spikeloop::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kPollMs = 200;
constexpr int kMostStarts = 3;  ///< of a process that something keeps killing
constexpr int kWrongInput = 2;  ///< exit code of spikeloop-sim
constexpr const char* kSimulator = "spikeloop-sim: ";

volatile std::sig_atomic_t stop_signal = 0;

extern "C" void note_signal(int signal) { stop_signal = signal; }

/// Ctrl-C and the like end the loop instead of the process while this lives.
class SignalGuard {
 public:
  SignalGuard() {
    stop_signal = 0;
    struct sigaction action {};
    action.sa_handler = note_signal;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
  }
  ~SignalGuard() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_{};
};

/// One sweep at a time in a folder. The lock goes with the process, however that ends.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : fd_(::open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0)
      throw InputError(folder, "write", std::generic_category().message(errno), "a writable folder");
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd_);
    throw InputError(folder, "lock", "a sweep at work in this folder", "one at a time");
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

class Sweep {
 public:
  Sweep(const SweepSettings& settings, const SweepPlaces& places);
  int run(std::ostream& out);

 private:
  void check_inputs() const;
  void prepare_rows();
  std::string identity() const;
  void open_folder();
  std::string folder_of(std::int64_t number) const;
  bool read_row(SweepRow& row) const;
  void write_row(const SweepRow& row) const;
  void submit(const SweepRow& row);
  bool settle(SweepRow& row, const JobEnd& end);
  void simulate();
  std::string refusal(const SweepRow& row) const;

  const SweepSettings& settings_;
  const SweepPlaces& places_;
  std::vector<SweepRow> rows_;
  std::string chips_sha256_;  ///< over all combinations
  std::string identity_;
  std::optional<LocalExecutor> executor_;
  std::map<std::int64_t, int> starts_;
};

Sweep::Sweep(const SweepSettings& settings, const SweepPlaces& places)
    : settings_(settings), places_(places) {
  for (const char* program : {"spikeloop-sim", "spikeloop-job"}) {
    const std::string path = places.programs + '/' + program;
    if (!fs::exists(path)) throw InputError(path, "start", "no such program", "it beside this one");
  }
  check_inputs();
  prepare_rows();
  identity_ = identity();
}

/// What is wrong for every combination is said once, before anything is started.
void Sweep::check_inputs() const {
  const traces::Network network = traces::read_nir(settings_.network);
  const traces::TraceReader trace(settings_.trace);
  sim::check_trace(network, trace, settings_.network);
  if (settings_.samples.empty()) return;
  const auto count = static_cast<std::int64_t>(trace.samples().size());
  const std::int64_t last = parse_records(settings_.samples, "--samples").back();
  if (last >= count)
    throw InputError(settings_.trace, "/samples", "no sample at position " + std::to_string(last),
                     "0 to " + std::to_string(count - 1));
}

void Sweep::prepare_rows() {
  const std::int64_t count = count_combinations(settings_.axes, places_.limit);
  const auto overrides_of = [&](const SweepRow& row) {
    sim::Overrides overrides;
    for (std::size_t i = 0; i < row.values.size(); ++i)
      overrides.emplace_back(settings_.axes[i].path, row.values[i]);
    return overrides;
  };
  Sha256 chips;
  for (std::int64_t number = 0; number < count; ++number) {
    SweepRow row;
    row.number = number;
    row.values = combination(settings_.axes, number);
    try {
      chips.update(sim::read_chip_config(settings_.hw, overrides_of(row)).sha256 + '\n');
    } catch (const InputError& error) {
      row.status = "refused";
      row.message = error.what();
      chips.update(row.message + '\n');
    }
    rows_.push_back(std::move(row));
  }
  chips_sha256_ = chips.hex_digest();
  const SweepRow& first = rows_.front();
  const bool same = std::all_of(rows_.begin(), rows_.end(), [&](const SweepRow& row) {
    return row.status == "refused" && row.message == first.message;
  });
  if (same) sim::read_chip_config(settings_.hw, overrides_of(first));  // throws: the chip itself is wrong
}

std::string Sweep::identity() const {
  std::string set;
  for (const Axis& axis : settings_.axes) set += (set.empty() ? "" : " ") + axis.path + '=' + axis.text;
  std::string options;
  for (const std::string& word : settings_.options) options += (options.empty() ? "" : " ") + word;
  const Json json{{"format", "spikeloop.sweep_settings"},
                  {"version", 1},
                  {"program", SPIKELOOP_VERSION},
                  {"simulator_sha256", sha256_hex(read_file(places_.programs + "/spikeloop-sim"))},
                  {"network_sha256", sha256_hex(read_file(settings_.network))},
                  {"trace_sha256", sha256_hex(read_file(settings_.trace))},
                  {"set", set},
                  {"chips_sha256", chips_sha256_},
                  {"samples", settings_.samples},
                  {"engine", settings_.engine},
                  {"options", options}};
  return json.dump(1) + '\n';
}

/// Takes a new or empty folder, or one that holds this very sweep.
void Sweep::open_folder() {
  const std::string file = places_.out + "/sweep.json";
  std::error_code error;
  if (!fs::exists(file, error)) {
    for (const auto& entry : fs::directory_iterator(places_.out)) {
      const std::string name = entry.path().filename().string();
      if (name.front() == '.') continue;  // the lock, or a file half written when it was killed
      throw InputError(places_.out, "open", "a folder with files but no sweep.json",
                       "a new or empty folder, or one of a sweep");
    }
    write_file(file, identity_);
    return;
  }
  const Json here = Json::parse(identity_);
  const Json there = Json::parse(read_file(file), nullptr, false);
  if (!there.is_object()) throw InputError(file, "/", "something else", "the settings of a sweep");
  std::string differences;
  for (const auto& [key, value] : here.items()) {
    if (there.contains(key) && there.at(key) == value) continue;
    if (key == "chips_sha256" && !differences.empty()) continue;  // other values make other chips
    differences += (differences.empty() ? "" : "; ") + key + " " +
                   (there.contains(key) ? there.at(key).dump() : "nothing") + " where this command has " +
                   value.dump();
  }
  if (!differences.empty())
    throw InputError(file, "settings", differences, "the same command, or another --out");
}

std::string Sweep::folder_of(std::int64_t number) const {
  std::string text = std::to_string(number);
  text.insert(0, text.size() < 4 ? 4 - text.size() : 0, '0');
  return places_.out + "/runs/" + text;
}

/// Only measurements are kept; what was refused or failed is quickly tried again.
bool Sweep::read_row(SweepRow& row) const {
  const std::string file = folder_of(row.number) + "/row.json";
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return false;
  const Json json = Json::parse(read_file(file), nullptr, false);
  try {
    if (!json.is_object() || json.at("format") != "spikeloop.sweep_row" ||
        json.at("sweep_sha256") != sha256_hex(identity_) || json.at("number") != row.number)
      return false;
    std::vector<std::pair<std::string, double>> numbers;
    for (const auto& [column, value] : json.at("numbers").items())
      numbers.emplace_back(column, value.get<double>());
    json.at("wall_s").get_to(row.wall_s);
    json.at("max_rss_kb").get_to(row.max_rss_kb);
    row.numbers = std::move(numbers);
    row.status = "measured";
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

void Sweep::write_row(const SweepRow& row) const {
  Json json{{"format", "spikeloop.sweep_row"},
            {"version", 1},
            {"sweep_sha256", sha256_hex(identity_)},
            {"number", row.number},
            {"wall_s", row.wall_s},
            {"max_rss_kb", row.max_rss_kb}};
  json["numbers"] = Json::object();
  for (const auto& [column, value] : row.numbers) json["numbers"][column] = value;
  write_file(folder_of(row.number) + "/row.json", json.dump(1) + '\n');
}

void Sweep::submit(const SweepRow& row) {
  const std::string folder = folder_of(row.number);
  fs::remove_all(folder);  // what a killed run left
  fs::create_directories(folder);
  Job job;
  job.id = row.number;
  job.directory = ".";  // so that paths, and messages with them, stay as they were given
  job.log = folder + "/log.txt";
  job.argv = {places_.programs + "/spikeloop-sim",
              "--network=" + settings_.network,
              "--trace=" + settings_.trace,
              "--hw=" + settings_.hw,
              "--out=" + folder + "/measurement.json",
              "--quiet"};
  if (settings_.replays) job.argv.push_back("--engine=" + settings_.engine);
  if (!settings_.samples.empty()) job.argv.push_back("--samples=" + settings_.samples);
  for (std::size_t i = 0; i < row.values.size(); ++i)
    job.argv.push_back("--set=" + settings_.axes[i].path + '=' + row.values[i]);
  job.argv.insert(job.argv.end(), settings_.options.begin(), settings_.options.end());
  ++starts_[row.number];
  executor_->submit(job);
}

/// The line by which spikeloop-sim said why it stopped.
std::string Sweep::refusal(const SweepRow& row) const {
  const std::string log = read_file(folder_of(row.number) + "/log.txt");
  std::size_t begin = log.rfind(kSimulator, 0) == 0 ? 0 : log.find(std::string("\n") + kSimulator);
  if (begin == std::string::npos) return "";
  begin = log.find(kSimulator, begin) + std::string(kSimulator).size();
  return log.substr(begin, log.find('\n', begin) - begin);
}

/// Fills the row of a process that ended; false when it has to be started once more.
bool Sweep::settle(SweepRow& row, const JobEnd& end) {
  const std::string folder = folder_of(row.number);
  row.wall_s = end.wall_s;
  row.max_rss_kb = end.max_rss_kb;
  if (end.ok()) {
    row.numbers = numbers_of(folder + "/measurement.json");
    row.status = "measured";
    write_row(row);
    return true;
  }
  if (end.signal != 0 && !crashed(end) && starts_[row.number] < kMostStarts) return false;
  if (end.exit_code == kCannotStart)
    throw std::runtime_error("cannot start spikeloop-sim, see " + folder + "/log.txt");
  row.message = refusal(row);
  if (row.message.rfind(places_.out + '/', 0) == 0)  // it could not write there: not the combination's fault
    throw std::runtime_error(row.message + "; the same command goes on from here");
  row.status = end.exit_code == kWrongInput && !row.message.empty() ? "refused" : "failed";
  if (row.message.empty()) row.message = describe(end);
  return true;
}

void Sweep::simulate() {
  const auto total = static_cast<std::int64_t>(rows_.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].status.empty() && !read_row(rows_[i])) open.push_back(i);
  }
  Progress progress("sweep", total, "combinations", places_.quiet);
  progress.advance(total - static_cast<std::int64_t>(open.size()));
  executor_.emplace(places_.jobs, places_.programs + "/spikeloop-job");
  std::size_t next = 0;
  std::size_t at_work = 0;
  while (stop_signal == 0 && (next < open.size() || at_work > 0)) {
    for (; next < open.size() && at_work < static_cast<std::size_t>(places_.jobs); ++at_work)
      submit(rows_[open[next++]]);
    for (const JobEnd& end : executor_->poll(kPollMs)) {
      SweepRow& row = rows_[static_cast<std::size_t>(end.id)];
      if (!settle(row, end)) {
        submit(row);
        continue;
      }
      --at_work;
      progress.advance(1, row.measured() ? "" : "number " + std::to_string(row.number) + ' ' + row.status);
    }
  }
  executor_.reset();  // kills what still runs
  if (stop_signal == 0) progress.finish();
}

int Sweep::run(std::ostream& out) {
  std::error_code error;
  fs::create_directories(places_.out, error);
  if (error) throw InputError(places_.out, "create", error.message(), "a folder that can be made");
  const FolderLock lock(places_.out);
  open_folder();
  {
    const SignalGuard guard;
    simulate();
  }
  if (stop_signal != 0) {
    const auto done =
        std::count_if(rows_.begin(), rows_.end(), [](const SweepRow& row) { return row.measured(); });
    std::cerr << "\nstopped with " << done << " of " << rows_.size()
              << " combinations measured; the same command goes on from here\n";
    return 128 + stop_signal;
  }
  mark_pareto(rows_);
  write_file(places_.out + "/table.csv", sweep_csv(settings_.axes, rows_));
  write_file(places_.out + "/table.json", sweep_json(identity_, settings_.axes, rows_));
  write_file(places_.out + "/times.csv", times_csv(rows_));
  if (!places_.quiet)
    out << sweep_text(settings_.axes, rows_) << places_.out << "/table.csv, " << places_.out
        << "/table.json\n";
  const bool any =
      std::any_of(rows_.begin(), rows_.end(), [](const SweepRow& row) { return row.measured(); });
  const bool failed =
      std::any_of(rows_.begin(), rows_.end(), [](const SweepRow& row) { return row.status == "failed"; });
  return any && !failed ? 0 : 1;
}

}  // namespace

int run_sweep(const SweepSettings& settings, const SweepPlaces& places, std::ostream& out) {
  return Sweep(settings, places).run(out);
}

}  // namespace spikeloop::tools
