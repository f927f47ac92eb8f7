#include "tools/spikeloop_sim/wave_options.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>

#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

/// "100:200", "100:" or ":200".
void parse_window(const std::string& text, sim::WaveSelection& selection) {
  const auto fail = [&] {
    return InputError("command line", "--wave-window", '"' + text + '"',
                      "FROM:TO in cycles, such as 1000:2000, 1000: or :2000");
  };
  const auto colon = text.find(':');
  if (colon == std::string::npos) throw fail();
  const auto number = [&](std::size_t begin, std::size_t end, sim::Cycle otherwise) {
    if (begin == end) return otherwise;
    sim::Cycle value = -1;
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    if (error != std::errc() || rest != text.data() + end || value < 0) throw fail();
    return value;
  };
  selection.from = number(0, colon, 0);
  selection.to = number(colon + 1, text.size(), sim::kNever);
  if (selection.from >= selection.to) throw fail();
}

}  // namespace

void WaveOptions::describe(po::options_description& options) {
  auto add = options.add_options();
  add("waves", po::value(&file)->value_name("FILE"),
      "write one sample's run as waves, .vcd or .fst, with a GTKWave save file (.gtkw) beside it");
  add("wave-signals", po::value(&signals)->value_name("PATTERN"),
      "only signals whose path matches, like 'chip.tile_3_1.*'; may be repeated");
  add("wave-window", po::value(&window)->value_name("FROM:TO"), "only cycles FROM up to, and without, TO");
  add("wave-sample", po::value(&sample)->value_name("N"),
      "of which sample; default: the first one simulated");
}

WaveTaker::WaveTaker(const WaveOptions& options, const traces::Network& network,
                     const traces::TraceReader& trace, const sim::ChipConfig& chip, sim::SimulateOptions& how)
    : file_(options.file) {
  if (file_.empty()) {
    const char* beside = !options.signals.empty()  ? "--wave-signals"
                         : !options.window.empty() ? "--wave-window"
                         : options.sample >= 0     ? "--wave-sample"
                                                   : nullptr;
    if (beside == nullptr) return;
    throw InputError("command line", beside, "no --waves", "--waves FILE too");
  }
  sim::require_wave_format(file_, "--waves");
  require_writable(file_, "--waves");
  sim::WaveSelection selection;
  selection.patterns = options.signals;
  if (!options.window.empty()) parse_window(options.window, selection);
  selection.sample = !how.positions.empty() ? how.positions.front() : 0;
  if (options.sample >= 0) {
    selection.sample = options.sample;
    const auto& simulated = how.positions;
    const bool there = simulated.empty() ? options.sample < static_cast<std::int64_t>(trace.samples().size())
                                         : std::count(simulated.begin(), simulated.end(), options.sample) > 0;
    if (!there) {
      throw InputError("command line", "--wave-sample", std::to_string(options.sample),
                       "the position of a sample that is simulated");
    }
  }
  parts_ = std::make_unique<Parts>();
  parts_->plan = sim::plan_for(network, trace, chip, how);
  parts_->timing = sim::make_timing(chip);
  parts_->waves = std::make_unique<sim::ChipWaves>(parts_->plan, chip, parts_->timing, selection);
  how.recorder = parts_->waves.get();
}

void WaveTaker::write() {
  if (parts_) sim::write_waves(file_, parts_->waves->finish());
}

}  // namespace spikeloop::tools
