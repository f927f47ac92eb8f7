#include "sim/waves/chip_waves.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <tuple>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr std::array<const char*, kNumPorts> kPortNames{"local", "north", "east", "south", "west", "host"};
constexpr int kIntegerBits = 32;

std::string tile_path(const Plan& plan, int tile) {
  return "chip.tile_" + std::to_string(plan.tile_column(tile)) + "_" + std::to_string(plan.tile_row(tile));
}

}  // namespace

ChipWaves::ChipWaves(const Plan& plan, const ChipConfig& chip, const Timing& timing, WaveSelection selection)
    : plan_(plan),
      chip_(chip),
      timing_(timing),
      selection_(std::move(selection)),
      tiles_(static_cast<std::size_t>(plan.columns * plan.rows)),
      windows_(plan.stages.size()),
      freed_(plan.stages.size(), 0) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& stage = plan.stages[s];
    if (stage.kind == StageKind::kMvm) {
      const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
      windows_[s] = make_windows(stage, signal.height, signal.width);
    } else if (stage.kind == StageKind::kPool) {
      const auto& in = this->stage(flow(stage.inputs.at(0)).producer);
      windows_[s] = make_windows(stage, in.height, in.width);
    }
  }
  host_input_ = add("chip.host.input.flits", Mode::kCount);
  host_results_ = add("chip.host.results.flits", Mode::kCount);
  groups_.push_back({"host", {}});
  for (int i = 0; i < static_cast<int>(signals_.size()); ++i) groups_.back().signals.push_back(i);
  for (int t = 0; t < plan.columns * plan.rows; ++t) add_tile(t);
  groups_.erase(std::remove_if(groups_.begin(), groups_.end(), [](auto& g) { return g.signals.empty(); }),
                groups_.end());
  if (signals_.empty()) {
    std::string given;
    for (const auto& p : selection_.patterns) given += (given.empty() ? "" : " ") + p;
    throw InputError("command line", "--wave-signals", "no signal of that name: " + given,
                     "a pattern like 'chip.tile_0_0.*' or '*.crossbars.busy'; tiles are tile_COLUMN_ROW, " +
                         std::to_string(plan.columns) + " x " + std::to_string(plan.rows) + " of them");
  }
  recorded_ = static_cast<int>(signals_.size());  // whatever was selected: it marks the window
  signals_.push_back({"chip.recorded", 1});
  modes_.push_back(Mode::kBusy);
  before_.resize(signals_.size(), {-1, 0, 0});
}

int ChipWaves::add(const std::string& path, Mode mode) {
  const auto matches = [&](const std::string& p) { return ::fnmatch(p.c_str(), path.c_str(), 0) == 0; };
  if (!selection_.patterns.empty() &&
      std::none_of(selection_.patterns.begin(), selection_.patterns.end(), matches)) {
    return -1;
  }
  signals_.push_back({path, mode == Mode::kBusy ? 1 : kIntegerBits});
  modes_.push_back(mode);
  return static_cast<int>(signals_.size()) - 1;
}

void ChipWaves::add_tile(int t) {
  auto& tile = tiles_[static_cast<std::size_t>(t)];
  const int first = static_cast<int>(signals_.size());
  std::string title = tile_path(plan_, t).substr(5);
  int copies = 0;
  int nodes = 0;
  int pools = 0;
  bool partial_sums = false;
  std::set<std::string> layers;
  for (const auto& stage : plan_.stages) {
    if (stage.tile != t || stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput)
      continue;
    if (stage.kind == StageKind::kMvm) copies = stage.copies;
    nodes += stage.kind == StageKind::kNode ? 1 : 0;
    pools += stage.kind == StageKind::kPool ? 1 : 0;
    for (int f : stage.inputs) partial_sums = partial_sums || flow(f).payload == Flow::Payload::kPartialSums;
    const auto& layer = plan_.layers[static_cast<std::size_t>(stage.layer)].name;
    if (layers.insert(layer).second) title += (layers.size() == 1 ? ": " : ", ") + layer;
  }
  const auto unit = [&](Unit& u, const std::string& path, const char* item, const char* detail) {
    u.busy = add(path + ".busy", Mode::kBusy);
    u.item = add(path + "." + item, Mode::kValue);
    if (detail != nullptr) u.detail = add(path + "." + detail, Mode::kValue);
  };
  const auto blocked = [&](Unit& u, const std::string& path, int stages) {
    u.blocked = add(path + ".blocked", stages > 1 ? Mode::kCount : Mode::kBusy);
  };
  const std::string core = tile_path(plan_, t) + ".core.";
  if (!layers.empty()) {
    if (chip_.schedule == Schedule::kTimestepSequential) tile.timestep = add(core + "timestep", Mode::kValue);
    tile.blocked = add(core + "blocked", Mode::kBusy);
    tile.packet_flits = add(core + "packet_register.flits", Mode::kCount);
  }
  if (copies > 0) {
    tile.input_items = add(core + "input_buffer.items", Mode::kCount);
    unit(tile.fetch, core + "fetch", "window", nullptr);
    unit(tile.crossbars, core + "crossbars", "window", nullptr);
    blocked(tile.crossbars, core + "crossbars", 1);
    tile.copies.resize(static_cast<std::size_t>(copies));
    for (int c = 0; copies > 1 && c < copies; ++c) {
      unit(tile.copies[static_cast<std::size_t>(c)], core + "crossbars.copy_" + std::to_string(c), "window",
           nullptr);
    }
    tile.crossbars.waiting = add(core + "shift_add.windows", Mode::kCount);
  }
  if (partial_sums) unit(tile.tree_adder, core + "adder_tree", "item", "flow");
  if (nodes > 0) {
    unit(tile.node_adder, core + "node_adder", "item", "flow");
    unit(tile.neurons, core + "neuron_unit", "item", "stage");
    tile.neurons.waiting = add(core + "neuron_unit.pipeline", Mode::kCount);
    blocked(tile.neurons, core + "neuron_unit", nodes);
  }
  if (pools > 0) {
    tile.pooling_items = add(core + "pooling_memory.items", Mode::kCount);
    unit(tile.pooling, core + "pooling_unit", "item", "stage");
    blocked(tile.pooling, core + "pooling_unit", pools);
  }
  if (!layers.empty()) tile.output_bits = add(core + "output_buffer.bits", Mode::kCount);

  const int column = plan_.tile_column(t);
  const int row = plan_.tile_row(t);
  const std::array<bool, kNumPorts> exists{
      !layers.empty(),      row > 0,    column + 1 < plan_.columns,
      row + 1 < plan_.rows, column > 0, column == chip_.host_port.column && row == chip_.host_port.row};
  for (std::size_t p = 0; p < exists.size(); ++p) {
    if (!exists[p]) continue;
    const std::string path = tile_path(plan_, t) + ".router." + kPortNames[p];
    unit(tile.ports[p], path, "flits", "route");
    if (tile.ports[p].item >= 0) modes_[static_cast<std::size_t>(tile.ports[p].item)] = Mode::kCount;
  }
  WaveGroup group{title, {}};
  for (int i = first; i < static_cast<int>(signals_.size()); ++i) group.signals.push_back(i);
  groups_.push_back(std::move(group));
}

void ChipWaves::change(int signal, Cycle cycle, std::int64_t value) {
  if (signal < 0 || cycle >= selection_.to) return;
  if (cycle < selection_.from) {
    auto& b = before_[static_cast<std::size_t>(signal)];
    if (modes_[static_cast<std::size_t>(signal)] != Mode::kValue) {
      b.value += value;
    } else if (cycle > b.cycle || (cycle == b.cycle && value > b.value)) {
      b = {cycle, value, 0};
    }
    return;
  }
  if (changes_.size() == selection_.most_changes) {  // finish() says so: no throwing through the kernel
    full_since_ = std::min(full_since_, cycle);
    return;
  }
  changes_.push_back({cycle, value, signal});
}

void ChipWaves::start(Unit& unit, const Event& event) {
  change(unit.busy, event.cycle, 1);
  change(unit.item, event.cycle, event.item);
  change(unit.detail, event.cycle, event.index);
}

void ChipWaves::blocked(const Event& event, std::int64_t by) {
  auto& tile = tiles_[static_cast<std::size_t>(event.place)];
  const auto kind = stage(event.index).kind;
  auto& unit = kind == StageKind::kMvm    ? tile.crossbars
               : kind == StageKind::kPool ? tile.pooling
                                          : tile.neurons;
  change(unit.blocked, event.cycle, by);
  change(tile.blocked, event.cycle, by);
}

/// A window has been read for the last time that needs some of its items.
void ChipWaves::free_inputs(int signal, const Event& event) {
  const auto& s = stage(event.index);
  const std::int64_t items = s.items();
  std::int64_t input_items = 0;
  for (int f : s.inputs) {
    if (flow(f).payload != Flow::Payload::kPartialSums) input_items = flow(f).items;
  }
  const auto& table = windows_[static_cast<std::size_t>(event.index)].freed;
  const std::int64_t freed =
      event.item / items * input_items + table[static_cast<std::size_t>(event.item % items)];
  auto& before = freed_[static_cast<std::size_t>(event.index)];
  change(signal, event.cycle, before - freed);
  before = freed;
}

/// How large a packet is shows when its last flit has gone.
void ChipWaves::packets_made(TileSignals& tile, const Event& event) {
  if (tile.output_bits < 0) return;
  for (int f : stage(event.index).outputs) {
    const auto& fl = flow(f);
    if (fl.route < 0 || event.item / stage(event.index).items() >= fl.timesteps) continue;
    tile.made.emplace(std::pair<int, std::int64_t>{fl.route, event.item}, event.cycle);
  }
}

void ChipWaves::packet_sent(TileSignals& tile) {
  const auto found = tile.made.find(tile.sending);
  if (found == tile.made.end()) return;
  change(tile.output_bits, found->second, tile.sent_flits * chip_.mesh.flit_bits);
  tile.made.erase(found);
}

void ChipWaves::record(const Event& event) {
  if (!active_) return;
  last_cycle_ = std::max(last_cycle_, event.cycle);
  auto& tile = tiles_[static_cast<std::size_t>(event.place)];
  const Cycle cycle = event.cycle;
  switch (event.kind) {
    case EventKind::kFetchStart:
      return start(tile.fetch, event);
    case EventKind::kFetchEnd:
      change(tile.fetch.busy, cycle, -1);
      return free_inputs(tile.input_items, event);
    case EventKind::kReadStart:
      start(tile.crossbars, event);
      return start(tile.copies[static_cast<std::size_t>(event.item) % tile.copies.size()], event);
    case EventKind::kReadEnd:
      change(tile.crossbars.busy, cycle, -1);
      change(tile.copies[static_cast<std::size_t>(event.item) % tile.copies.size()].busy, cycle, -1);
      return change(tile.crossbars.waiting, cycle, 1);
    case EventKind::kSumsOut:
      change(tile.crossbars.waiting, cycle, -1);
      return packets_made(tile, event);
    case EventKind::kNodeAddStart:
      return start(tile.node_adder, event);
    case EventKind::kNodeAddEnd:
      return change(tile.node_adder.busy, cycle, -1);
    case EventKind::kTreeAddStart:
      return start(tile.tree_adder, event);
    case EventKind::kTreeAddEnd:
      return change(tile.tree_adder.busy, cycle, -1);
    case EventKind::kNeuronStart:
      return start(tile.neurons, event);
    case EventKind::kNeuronEnd:
      change(tile.neurons.busy, cycle, -1);
      return change(tile.neurons.waiting, cycle, 1);
    case EventKind::kNodeOut:
      change(tile.neurons.waiting, cycle, -1);
      return packets_made(tile, event);
    case EventKind::kPoolStart:
      return start(tile.pooling, event);
    case EventKind::kPoolEnd:
      change(tile.pooling.busy, cycle, -1);
      free_inputs(tile.pooling_items, event);
      return packets_made(tile, event);
    case EventKind::kDelivered: {
      const auto& fl = flow(event.index);
      const auto kind = stage(fl.consumer).kind;
      if (kind == StageKind::kMvm && fl.payload != Flow::Payload::kPartialSums) {
        change(tile.input_items, cycle, 1);
      }
      return kind == StageKind::kPool ? change(tile.pooling_items, cycle, 1) : void();
    }
    case EventKind::kBlocked:
      return blocked(event, 1);
    case EventKind::kUnblocked:
      return blocked(event, -1);
    case EventKind::kFlitInjected: {
      const int f = plan_.routes[static_cast<std::size_t>(event.index)].flows.at(0);
      if (stage(flow(f).producer).kind == StageKind::kHostInput) return change(host_input_, cycle, 1);
      if (tile.output_bits < 0) return;
      const std::pair<int, std::int64_t> packet{event.index, event.item};
      if (packet != tile.sending) {
        packet_sent(tile);
        tile.sending = packet;
        tile.sent_flits = 0;
      }
      ++tile.sent_flits;
      return change(tile.output_bits, cycle, -chip_.mesh.flit_bits);
    }
    case EventKind::kFlitRouted: {
      auto& port = tile.ports[static_cast<std::size_t>(event.index % 8)];
      change(port.busy, cycle, 1);
      change(port.busy, cycle + timing_.network_period, -1);
      change(port.item, cycle, 1);
      return change(port.detail, cycle, event.index / 8);
    }
    case EventKind::kFlitEjected:
      return change(
          plan_.routes[static_cast<std::size_t>(event.index)].to_host ? host_results_ : tile.packet_flits,
          cycle, 1);
    case EventKind::kTimestepStart:
      return change(tile.timestep, cycle, event.index);
  }
}

Waves ChipWaves::finish() {
  for (auto& tile : tiles_) packet_sent(tile);
  if (full_since_ != kNever) {
    throw InputError("command line", "--waves",
                     "more than " + std::to_string(selection_.most_changes) + " changes by cycle " +
                         std::to_string(full_since_) + " of " + std::to_string(last_cycle_),
                     "a --wave-window FROM:TO or fewer signals (--wave-signals)");
  }
  if (selection_.from > last_cycle_) {
    throw InputError("command line", "--wave-window", "cycle " + std::to_string(selection_.from),
                     "one before cycle " + std::to_string(last_cycle_ + 1) + ", in which the sample ends");
  }
  const Cycle end = std::min(selection_.to, last_cycle_ + 1);
  changes_.erase(
      std::remove_if(changes_.begin(), changes_.end(), [&](const Change& c) { return c.cycle > end; }),
      changes_.end());
  for (int s = 0; s < static_cast<int>(signals_.size()); ++s) {
    const auto value = before_[static_cast<std::size_t>(s)].value;
    if (value != 0) changes_.push_back({selection_.from - 1, value, s});  // shown in the window's first cycle
  }
  changes_.push_back({selection_.from, 1, recorded_});
  changes_.push_back({end, -1, recorded_});
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return std::tie(a.cycle, a.signal, a.value) < std::tie(b.cycle, b.signal, b.value);
  });

  const auto ps = [&](Cycle cycle) {  // where a period is no whole number of ps, the nearest one
    return static_cast<std::int64_t>(
        std::llround(static_cast<double>(std::max(cycle, selection_.from)) * 1e6 / timing_.grid_mhz));
  };
  Waves waves;
  waves.begin_ps = ps(selection_.from);
  waves.end_ps = ps(end);
  std::vector<std::int64_t> values(signals_.size(), 0);
  std::vector<std::int64_t> shown(signals_.size(), 0);
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const auto& c = changes_[i];
    const auto s = static_cast<std::size_t>(c.signal);
    values[s] = modes_[s] == Mode::kValue ? c.value : values[s] + c.value;
    const bool last_in_cycle =
        i + 1 == changes_.size() || changes_[i + 1].cycle != c.cycle || changes_[i + 1].signal != c.signal;
    if (!last_in_cycle) continue;
    if (values[s] < 0) {
      throw std::logic_error("events do not match: " + signals_[s].path + " is below 0 in cycle " +
                             std::to_string(c.cycle));
    }
    const std::int64_t value = modes_[s] == Mode::kBusy ? std::min<std::int64_t>(values[s], 1) : values[s];
    if (value == shown[s]) continue;
    shown[s] = value;
    waves.changes.push_back({ps(c.cycle), c.signal, static_cast<std::uint64_t>(value)});
  }
  waves.signals = signals_;
  waves.groups = groups_;
  return waves;
}

}  // namespace spikeloop::sim
