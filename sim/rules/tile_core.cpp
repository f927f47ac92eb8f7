#include "sim/rules/tile_core.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "sim/bits.h"

namespace spikeloop::sim {
namespace {

int ceil_div(int a, int b) { return (a + b - 1) / b; }

int tree_levels(int inputs) {
  int levels = 0;
  while ((1 << levels) < inputs) ++levels;
  return levels;
}

/// Cycles from the last conversion of a window to its sums: shift-and-add, then the adder trees over the
/// crossbars of a PE and over the PEs that hold row blocks of the same outputs.
int result_latency(const ChipConfig& chip, const Stage& stage) {
  int most_in_pe = 1;
  int most_pes = 1;
  for (const auto& first : stage.pieces) {
    std::vector<int> per_pe(static_cast<std::size_t>(chip.tile.pes), 0);
    for (const auto& p : stage.pieces)
      if (p.column_block == first.column_block) ++per_pe[static_cast<std::size_t>(p.pe)];
    most_in_pe = std::max(most_in_pe, *std::max_element(per_pe.begin(), per_pe.end()));
    most_pes = std::max(
        most_pes, static_cast<int>(std::count_if(per_pe.begin(), per_pe.end(), [](int n) { return n > 0; })));
  }
  return chip.shift_add.latency_cycles +
         chip.adder_tree.latency_cycles_per_level * (tree_levels(most_in_pe) + tree_levels(most_pes));
}

std::vector<int> flows_from_tile(const Plan& plan, int tile) {
  std::vector<int> flows;
  for (std::size_t f = 0; f < plan.flows.size(); ++f) {
    const auto& producer = plan.stages[static_cast<std::size_t>(plan.flows[f].producer)];
    if (producer.tile == tile && producer.kind != StageKind::kHostInput) flows.push_back(static_cast<int>(f));
  }
  return flows;
}

}  // namespace

FlowLimits::FlowLimits(const Plan& plan, const std::vector<int>& flows) : index_(plan.flows.size(), -1) {
  for (int f : flows) {
    index_[static_cast<std::size_t>(f)] = static_cast<int>(states_.size());
    const auto& flow = plan.flows[static_cast<std::size_t>(f)];
    states_.emplace_back();
    // A backward flow's item belongs to the next timestep: its place is free once this timestep's was used.
    states_.back().limit = flow.backward ? 0 : flow.depth;
  }
}

void FlowLimits::put(int flow, std::int64_t limit, Cycle arrival) {
  states_[static_cast<std::size_t>(index_[static_cast<std::size_t>(flow)])].coming.push({arrival, limit});
  arrivals_.push_back(arrival);
  std::push_heap(arrivals_.begin(), arrivals_.end(), std::greater<>());
}

bool FlowLimits::take_arrivals(Cycle now) {
  bool any = false;
  while (!arrivals_.empty() && arrivals_.front() <= now) {
    std::pop_heap(arrivals_.begin(), arrivals_.end(), std::greater<>());
    arrivals_.pop_back();
    any = true;
  }
  return any;
}

bool FlowLimits::may_send(int flow, std::int64_t item, Cycle now) {
  auto& state = states_[static_cast<std::size_t>(index_[static_cast<std::size_t>(flow)])];
  while (!state.coming.empty() && state.coming.front().arrival <= now) {
    state.limit = std::max(state.limit, state.coming.front().limit);
    state.coming.pop();
  }
  return item < state.limit;
}

TileCore::TileCore(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile,
                   const Stimulus& stimulus, TilePorts& ports)
    : plan_(plan),
      chip_(chip),
      timing_(timing),
      stimulus_(stimulus),
      ports_(ports),
      work_of_stage_(plan.stages.size(), -1),
      limits_(plan, flows_from_tile(plan, tile)),
      arrived_(plan.flows.size(), 0),
      mailbox_(plan.flows.size(), 0),
      route_flits_(plan.routes.size(), 0),
      injection_credits_(chip.router.virtual_channels, chip.router.buffer_flits),
      released_timesteps_(chip.schedule == Schedule::kTimestepSequential ? 1 : plan.timesteps) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& stage = plan.stages[s];
    if (stage.tile != tile || stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput)
      continue;
    Work w;
    w.stage = &stage;
    w.id = static_cast<int>(s);
    w.total = std::int64_t{stage.timesteps} * stage.items();
    const int index = static_cast<int>(works_.size());
    work_of_stage_[s] = index;
    stage_ids_.push_back(w.id);
    if (stage.kind == StageKind::kMvm) {
      mvm_ = index;
      const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
      w.windows = make_windows(stage, signal.height, signal.width);
      window_bits_.assign(
          static_cast<std::size_t>(signal.bits),
          std::vector<std::uint64_t>(static_cast<std::size_t>((stage.weight_rows + 63) / 64)));
      result_latency_ = result_latency(chip, stage);
    } else if (stage.kind == StageKind::kPool) {
      pools_.push_back(index);
      const auto& in = plan.stages[static_cast<std::size_t>(flow(stage.inputs.at(0)).producer)];
      w.windows = make_windows(stage, in.height, in.width);
    } else {
      nodes_.push_back(index);
    }
    for (int f : stage.inputs) {
      if (flow(f).payload == Flow::Payload::kPartialSums) continue;
      w.input_items = flow(f).items;
      w.input_row = flow(f).row;
      if (flow(f).local && stage.kind == StageKind::kNode) local_value_flows_.push_back(f);
    }
    works_.push_back(std::move(w));
  }
}

void TileCore::put_flit(const Flit& flit, Cycle arrival) { ejection_.push({flit, arrival}); }
void TileCore::put_injection_credit(int vc, Cycle arrival) { injection_credits_.put(vc, arrival); }
void TileCore::put_limit(int flow_id, std::int64_t limit, Cycle arrival) {
  limits_.put(flow_id, limit, arrival);
}
void TileCore::release_timesteps(int timesteps, Cycle arrival) {
  coming_releases_.push({arrival, timesteps});
}

const StageCounters& TileCore::counters(int stage) const {
  return works_[static_cast<std::size_t>(work_of_stage_[static_cast<std::size_t>(stage)])].counters;
}

bool TileCore::finished() const {
  return std::all_of(works_.begin(), works_.end(), [](const Work& w) { return w.done == w.total; });
}

std::string TileCore::describe() const {
  std::string text;
  for (const auto& w : works_) {
    if (w.done == w.total) continue;
    text += "  " + w.stage->name + ": " + std::to_string(w.done) + " of " + std::to_string(w.total) +
            " items done, " + std::to_string(w.started) + " started; received";
    for (int f : w.stage->inputs) {
      text += " " + std::to_string(arrived(f)) + " from " +
              plan_.stages[static_cast<std::size_t>(flow(f).producer)].name;
    }
    text += "\n";
  }
  return text;
}

// ---- what an item needs and leaves
// ------------------------------------------------------------------------------

bool TileCore::gate_open(const Work& w, std::int64_t item) const {
  return item < w.total && item / w.stage->items() < released_timesteps_;
}

bool TileCore::node_ready(const Work& w, std::int64_t item) const {
  const std::int64_t items = w.stage->items();
  for (int f : w.stage->inputs) {
    std::int64_t need = item + 1;
    if (flow(f).is_static) need = item % items + 1;
    if (flow(f).backward) need = item + 1 - items;  // the timestep before
    if (arrived(f) < need) return false;
  }
  return true;
}

bool TileCore::window_ready(const Work& w, std::int64_t item) const {
  const std::int64_t timestep = item / w.stage->items();
  const auto pixel = static_cast<std::size_t>(item % w.stage->items());
  const std::int64_t need = timestep * w.input_items + w.windows.needed[pixel];
  for (int f : w.stage->inputs) {
    if (flow(f).payload != Flow::Payload::kPartialSums && arrived(f) < need) return false;
  }
  return true;
}

int TileCore::packet_size(int flow_id, std::int64_t item) const {
  const auto& f = flow(flow_id);
  if (f.payload == Flow::Payload::kSpikes &&
      !stimulus_.item_active(plan_, f.signal, static_cast<int>(item / f.items),
                             static_cast<int>(item % f.items))) {
    return timing_.empty_packet_flits;
  }
  return packet_flits(chip_, f.item_bits);
}

/// Takes the places that an item's sends will need: windows at the receivers, mailboxes, output buffer. All
/// or none.
bool TileCore::reserve_outputs(Work& w, std::int64_t item, Cycle now) {
  const std::int64_t timestep = item / w.stage->items();
  std::int64_t bits = 0;
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    if (timestep >= fl.timesteps) continue;
    if (!limits_.may_send(f, item, now)) return false;
    if (fl.local) {
      if (mailbox_[static_cast<std::size_t>(f)] != 0) return false;
    } else {
      bits += std::int64_t{packet_size(f, item)} * chip_.mesh.flit_bits;
    }
  }
  if (bits > 0 && output_bits_ + bits > chip_.output_buffer.capacity_bits) return false;
  output_bits_ += bits;
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    const auto consumer = plan_.stages[static_cast<std::size_t>(fl.consumer)].kind;
    if (timestep < fl.timesteps && fl.local && consumer == StageKind::kNode)
      mailbox_[static_cast<std::size_t>(f)] = 1;
  }
  return true;
}

void TileCore::send_outputs(Work& w, std::int64_t item, Cycle now) {
  const std::int64_t timestep = item / w.stage->items();
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    if (timestep >= fl.timesteps) continue;
    if (fl.local) {
      local_.push({now + 1, f, item});
      continue;
    }
    const int flits = packet_size(f, item);
    w.counters.events[Component::kOutputBufferWrite] += std::int64_t{flits} * chip_.mesh.flit_bits;
    route_flits_[static_cast<std::size_t>(fl.route)] += flits;
    output_queue_.push({f, fl.route, item, flits, 0});
    ++packets_;
  }
}

void TileCore::item_done(Work& w, std::int64_t item, Cycle now) {
  ++w.done;
  ++w.counters.items;
  w.counters.last_cycle = now;
  if ((item + 1) % w.stage->items() == 0) {
    ports_.timestep_done(w.id, static_cast<int>(item / w.stage->items()), now + 1);
  }
  changed_ = true;
}

/// Returns memory to the senders, a row of items at a time.
void TileCore::give_back(Work& w, std::int64_t freed, Cycle now) {
  const std::int64_t row = w.input_row;
  const std::int64_t before = w.freed / row * row;
  const std::int64_t after = freed / row * row;
  w.freed = freed;
  if (after == before) return;
  for (int f : w.stage->inputs) {
    const auto& fl = flow(f);
    if (fl.payload == Flow::Payload::kPartialSums || (fl.is_static && w.stage->kind == StageKind::kNode))
      continue;
    ports_.send_limit(f, after + (fl.backward ? 0 : fl.depth), now + 1 + fl.hops);
  }
}

void TileCore::track_blocked(Work& w, bool blocked, Cycle now) {
  if (blocked) {
    if (w.blocked_since == kNever) w.blocked_since = now;
  } else if (w.blocked_since != kNever) {
    w.counters.blocked_cycles += now - w.blocked_since;
    w.blocked_since = kNever;
  }
}

/// A whole item of a flow is in this tile: bits go to the input buffer or the pooling memory at once; values
/// wait for an adder (by the caller).
void TileCore::take_delivery(int flow_id) {
  const auto& f = flow(flow_id);
  auto& w = works_[static_cast<std::size_t>(work_of_stage_[static_cast<std::size_t>(f.consumer)])];
  w.counters.events[w.stage->kind == StageKind::kPool ? Component::kPoolingMemoryWrite
                                                      : Component::kInputBufferWrite] += f.item_bits;
  ++arrived(flow_id);
  changed_ = true;
}

// ---- the cycle
// --------------------------------------------------------------------------------------------------

Cycle TileCore::evaluate(Cycle now) {
  changed_ = false;
  finish_due(now);
  inject(now);
  release_results(now);
  start_crossbars(now);
  start_adders(now);
  start_neurons(now);
  start_pooling(now);
  eject(now);
  return changed_ ? now + 1 : next_event(now);
}

void TileCore::finish_due(Cycle now) {
  if (injection_credits_.take_arrivals(now)) changed_ = true;
  while (!coming_releases_.empty() && coming_releases_.front().arrival <= now) {
    released_timesteps_ = coming_releases_.front().timesteps;
    coming_releases_.pop();
    changed_ = true;
  }
  if (limits_.take_arrivals(now)) changed_ = true;
  while (!local_.empty() && local_.front().due <= now) {
    const int f = local_.front().flow;
    local_.pop();
    const auto kind = plan_.stages[static_cast<std::size_t>(flow(f).consumer)].kind;
    if (kind == StageKind::kNode) {
      mailbox_[static_cast<std::size_t>(f)] = 2;
      changed_ = true;
    } else {
      take_delivery(f);
    }
  }
  if (node_adder_.busy && node_adder_.end <= now) {
    node_adder_.busy = false;
    ++arrived(node_adder_.flow);
    if (node_adder_.from_network) {
      assembly_ = {};
    } else {
      mailbox_[static_cast<std::size_t>(node_adder_.flow)] = 0;
    }
    changed_ = true;
  }
  if (tree_adder_.busy && tree_adder_.end <= now) {
    tree_adder_.busy = false;
    ++arrived(tree_adder_.flow);
    assembly_ = {};
    changed_ = true;
  }
  if (fetch_.busy && fetch_.end <= now) {
    fetch_.busy = false;
    window_full_ = true;
    window_item_ = fetch_.item;
    auto& w = works_[static_cast<std::size_t>(mvm_)];
    const std::int64_t timestep = fetch_.item / w.stage->items();
    give_back(
        w,
        timestep * w.input_items + w.windows.freed[static_cast<std::size_t>(fetch_.item % w.stage->items())],
        now);
    changed_ = true;
  }
  if (crossbars_.busy && crossbars_.end <= now) {
    crossbars_.busy = false;
    results_.push({now + result_latency_, mvm_, crossbars_.item});
    changed_ = true;
  }
  if (neurons_.busy && neurons_.end <= now) {
    neurons_.busy = false;
    auto& w = works_[static_cast<std::size_t>(neurons_.work)];
    give_back(w, neurons_.item + 1, now);
    neuron_results_.push(
        {now + (w.stage->lifs.empty() ? 0 : chip_.neuron_unit.latency_cycles), neurons_.work, neurons_.item});
    changed_ = true;
  }
  while (!neuron_results_.empty() && neuron_results_.front().ready <= now) {
    auto& w = works_[static_cast<std::size_t>(neuron_results_.front().work)];
    const auto item = neuron_results_.front().item;
    neuron_results_.pop();
    send_outputs(w, item, now);
    item_done(w, item, now);
  }
  if (pooling_.busy && pooling_.end <= now) {
    pooling_.busy = false;
    auto& w = works_[static_cast<std::size_t>(pooling_.work)];
    const std::int64_t timestep = pooling_.item / w.stage->items();
    give_back(w,
              timestep * w.input_items +
                  w.windows.freed[static_cast<std::size_t>(pooling_.item % w.stage->items())],
              now);
    send_outputs(w, pooling_.item, now);
    item_done(w, pooling_.item, now);
  }
}

void TileCore::inject(Cycle now) {
  if (output_queue_.empty()) return;
  auto& packet = output_queue_.front();
  if (packet.sent == 0) injection_vc_ = injection_credits_.freest();
  if (injection_credits_.available(injection_vc_) == 0) return;
  Flit flit;
  flit.vc = static_cast<std::uint8_t>(injection_vc_);
  flit.route = packet.route;
  flit.item = packet.item;
  flit.head = packet.sent == 0;
  flit.tail = ++packet.sent == packet.flits;
  injection_credits_.take(injection_vc_);
  ++flits_injected_;
  auto& producer =
      works_[static_cast<std::size_t>(work_of_stage_[static_cast<std::size_t>(flow(packet.flow).producer)])];
  producer.counters.events[Component::kOutputBufferRead] += chip_.mesh.flit_bits;
  output_bits_ -= chip_.mesh.flit_bits;
  ports_.inject_flit(flit, now + chip_.link.latency_cycles);
  if (flit.tail) output_queue_.pop();
  changed_ = true;
}

/// The oldest window's sums leave the pipeline: to the node adder here, to other tiles, or to the tile that
/// owns them.
void TileCore::release_results(Cycle now) {
  if (results_.empty() || results_.front().ready > now) return;
  auto& w = works_[static_cast<std::size_t>(mvm_)];
  const std::int64_t item = results_.front().item;
  bool ready = true;
  for (int f : w.stage->inputs) {
    if (flow(f).payload == Flow::Payload::kPartialSums && arrived(f) <= item) ready = false;
  }
  ready = ready && reserve_outputs(w, item, now);
  track_blocked(w, !ready, now);
  if (!ready) return;
  results_.pop();
  --in_pipeline_;
  send_outputs(w, item, now);
  for (int f : w.stage->inputs) {
    if (flow(f).payload == Flow::Payload::kPartialSums) {
      ports_.send_limit(f, item + 1 + flow(f).depth, now + 1 + flow(f).hops);
    }
  }
  item_done(w, item, now);
}

/// Counts the set wordlines of a window per row block, charges the reads, returns how long the slowest
/// crossbar works.
Cycle TileCore::read_window(Work& w, std::int64_t item) {
  const auto& s = *w.stage;
  const auto& signal = plan_.signals[static_cast<std::size_t>(s.signal)];
  const auto& planes = stimulus_.at(plan_, s.signal, static_cast<int>(item / s.items()));
  const int pixel = static_cast<int>(item % s.items());
  const int oy = pixel / s.width;
  const int ox = pixel % s.width;
  const bool first_tile = s.pieces.front().row_block == 0 && s.pieces.front().column_block == 0;
  for (std::size_t b = 0; b < window_bits_.size(); ++b) {
    auto& bits = window_bits_[b];
    if (s.whole_map) {
      bits = planes[b];
    } else {
      std::fill(bits.begin(), bits.end(), 0);
      for (int ky = 0; ky < s.kernel[0]; ++ky) {
        for (int kx = 0; kx < s.kernel[1]; ++kx) {
          const int y = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
          const int x = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
          if (y < 0 || x < 0 || y >= signal.height || x >= signal.width) continue;
          copy_bits(planes[b], (std::int64_t{y} * signal.width + x) * signal.channels, signal.channels, bits,
                    (std::int64_t{ky} * s.kernel[1] + kx) * signal.channels);
        }
      }
    }
    if (first_tile) {  // counted once per layer, not once per tile
      w.counters.input_ones += popcount_range(bits, 0, s.weight_rows);
      w.counters.input_bits += s.weight_rows;
    }
  }
  Cycle longest = 1;  // a window without a spike still takes its turn
  std::int64_t active_pieces = 0;
  for (const auto& piece : s.pieces) {
    const std::int64_t begin = piece.row_begin;
    std::int64_t passes = 0;
    std::int64_t active_rows = 0;
    for (const auto& bits : window_bits_) {
      const int active = popcount_range(bits, begin, begin + piece.rows);
      active_rows += active;
      passes += read_passes(chip_, active);
    }
    if (passes == 0) continue;
    ++active_pieces;
    const std::int64_t conversions = passes * piece.columns;
    auto& events = w.counters.events;
    w.counters.crossbar_reads += passes;
    events[Component::kCrossbar] += active_rows;
    events[Component::kWordlineDriver] += active_rows;
    events[Component::kColumnMux] += conversions;
    events[Component::kAdc] += conversions;
    events[Component::kShiftAdd] += conversions;
    const bool first_of_block =
        &piece == &s.pieces.front() || (&piece - 1)->column_block != piece.column_block;
    if (!first_of_block) {  // its sums are added to those of the row block before it on this tile
      events[Component::kAdderTree] += piece.outputs;
    }
    longest = std::max(longest, crossbar_cycles(timing_, chip_.adc.sample_and_hold, passes,
                                                ceil_div(piece.columns, timing_.adcs_per_crossbar)));
  }
  return longest;
}

void TileCore::start_crossbars(Cycle now) {
  if (mvm_ < 0) return;
  auto& w = works_[static_cast<std::size_t>(mvm_)];
  if (window_full_ && !crossbars_.busy && in_pipeline_ <= result_latency_) {
    crossbars_.busy = true;
    crossbars_.item = window_item_;
    const Cycle duration = read_window(w, window_item_);
    crossbars_.end = now + duration;
    w.counters.busy_cycles += duration;
    ++in_pipeline_;
    window_full_ = false;
    changed_ = true;
  }
  if (!fetch_.busy && !window_full_ && gate_open(w, w.started) && window_ready(w, w.started)) {
    const auto& signal = plan_.signals[static_cast<std::size_t>(w.stage->signal)];
    const auto pixel = static_cast<std::size_t>(w.started % w.stage->items());
    const int bits = w.windows.new_items[pixel] * signal.channels * signal.bits;
    fetch_.busy = true;
    fetch_.item = w.started++;
    fetch_.end = now + std::max(1, ceil_div(bits, chip_.input_buffer.port_bits));
    w.counters.events[Component::kInputBufferRead] += bits;
    w.counters.first_cycle = std::min(w.counters.first_cycle, now);
    changed_ = true;
  }
}

/// The node adder serves the packet from the network and the local registers in turn; the adder tree takes
/// partial sums of other tiles.
void TileCore::start_adders(Cycle now) {
  const bool packet = assembly_.complete;
  const bool partial = packet && flow(assembly_.flow).payload == Flow::Payload::kPartialSums;
  if (partial && !tree_adder_.busy) {
    const auto& f = flow(assembly_.flow);
    tree_adder_ = {true, now + std::max(1, ceil_div(f.channels, chip_.adder_tree.lanes)), assembly_.flow,
                   true};
    works_[static_cast<std::size_t>(mvm_)].counters.events[Component::kAdderTree] += f.channels;
    changed_ = true;
  }
  if (node_adder_.busy) return;
  // Source 0 is the network, 1.. the local registers; the one after the last served goes first.
  const std::size_t sources = local_value_flows_.size() + 1;
  for (std::size_t step = 1; step <= sources; ++step) {
    const std::size_t source = (last_source_ + step) % sources;
    int f = -1;
    if (source == 0) {
      if (packet && !partial) f = assembly_.flow;
    } else if (mailbox_[static_cast<std::size_t>(local_value_flows_[source - 1])] == 2) {
      f = local_value_flows_[source - 1];
    }
    if (f < 0) continue;
    last_source_ = source;
    const auto& fl = flow(f);
    node_adder_ = {true, now + std::max(1, ceil_div(fl.channels, chip_.node_adder.lanes)), f, source == 0};
    auto& events = works_[static_cast<std::size_t>(work_of_stage_[static_cast<std::size_t>(fl.consumer)])]
                       .counters.events;
    events[Component::kNodeAdder] += fl.channels;
    events[Component::kNodeMemoryRead] += fl.item_bits;
    events[Component::kNodeMemoryWrite] += fl.item_bits;
    changed_ = true;
    return;
  }
}

void TileCore::start_neurons(Cycle now) {
  if (neurons_.busy || nodes_.empty()) return;
  for (std::size_t step = 1; step <= nodes_.size(); ++step) {
    const std::size_t pick = (last_node_ + step) % nodes_.size();
    auto& w = works_[static_cast<std::size_t>(nodes_[pick])];
    if (!gate_open(w, w.started) || !node_ready(w, w.started)) continue;
    const bool room = reserve_outputs(w, w.started, now);
    track_blocked(w, !room, now);
    if (!room) continue;
    const auto& s = *w.stage;
    int duration = ceil_div(s.channels, chip_.node_adder.lanes);  // a node without neurons is read out
    if (!s.lifs.empty()) {
      duration = static_cast<int>(s.lifs.size()) * ceil_div(s.channels, chip_.neuron_unit.lanes);
    }
    neurons_.busy = true;
    neurons_.work = nodes_[pick];
    neurons_.item = w.started++;
    neurons_.end = now + duration;
    last_node_ = pick;
    auto& events = w.counters.events;
    const auto lifs = static_cast<std::int64_t>(s.lifs.size());
    bool holds_static = false;
    for (int f : s.inputs) holds_static = holds_static || (flow(f).is_static && !s.is_static);
    events[Component::kNodeMemoryRead] +=
        std::int64_t{s.channels} * chip_.node_adder.value_bits * (holds_static ? 2 : 1);
    events[Component::kNeuronUnit] += lifs * s.channels;
    events[Component::kMembraneMemoryRead] += lifs * s.channels * chip_.neuron_unit.membrane_bits;
    events[Component::kMembraneMemoryWrite] += lifs * s.channels * chip_.neuron_unit.membrane_bits;
    w.counters.busy_cycles += duration;
    w.counters.first_cycle = std::min(w.counters.first_cycle, now);
    changed_ = true;
    return;
  }
}

void TileCore::start_pooling(Cycle now) {
  if (pooling_.busy || pools_.empty()) return;
  for (std::size_t step = 1; step <= pools_.size(); ++step) {
    const std::size_t pick = (last_pool_ + step) % pools_.size();
    auto& w = works_[static_cast<std::size_t>(pools_[pick])];
    if (!gate_open(w, w.started) || !window_ready(w, w.started)) continue;
    const bool room = reserve_outputs(w, w.started, now);
    track_blocked(w, !room, now);
    if (!room) continue;
    const auto pixel = static_cast<std::size_t>(w.started % w.stage->items());
    const int additions = w.stage->channels * w.windows.in_bounds[pixel];
    pooling_.busy = true;
    pooling_.work = pools_[pick];
    pooling_.item = w.started++;
    pooling_.end = now + std::max(1, ceil_div(additions, chip_.pooling_unit.lanes));
    last_pool_ = pick;
    w.counters.events[Component::kPoolingUnit] += additions;
    w.counters.events[Component::kPoolingMemoryRead] +=
        std::int64_t{w.windows.in_bounds[pixel]} * flow(w.stage->inputs[0]).item_bits;
    w.counters.busy_cycles += pooling_.end - now;
    w.counters.first_cycle = std::min(w.counters.first_cycle, now);
    changed_ = true;
    return;
  }
}

/// One flit a cycle from the router, into the packet register; bits are written through, values stay until
/// added.
void TileCore::eject(Cycle now) {
  if (ejection_.empty() || ejection_.front().ready > now || assembly_.complete) return;
  const Flit flit = ejection_.front().flit;
  ejection_.pop();
  ++flits_ejected_;
  ports_.return_credit(now + chip_.link.latency_cycles);
  assembly_.used = true;
  assembly_.flow = plan_.routes[static_cast<std::size_t>(flit.route)].flows.at(0);
  if (flit.tail) {
    if (flow(assembly_.flow).payload == Flow::Payload::kSpikes ||
        plan_.stages[static_cast<std::size_t>(flow(assembly_.flow).consumer)].kind == StageKind::kPool) {
      take_delivery(assembly_.flow);
      assembly_ = {};
    } else {
      assembly_.complete = true;
    }
  }
  changed_ = true;
}

Cycle TileCore::next_event(Cycle now) const {
  Cycle next = kNever;
  const auto at = [&](Cycle c) {
    if (c > now) next = std::min(next, c);
  };
  for (const auto* job : {&fetch_, &crossbars_, &neurons_, &pooling_})
    if (job->busy) at(job->end);
  for (const auto* adder : {&node_adder_, &tree_adder_})
    if (adder->busy) at(adder->end);
  if (!results_.empty()) at(results_.front().ready);
  if (!neuron_results_.empty()) at(neuron_results_.front().ready);
  if (!local_.empty()) at(local_.front().due);
  at(injection_credits_.next_arrival());
  if (!coming_releases_.empty()) at(coming_releases_.front().arrival);
  if (!ejection_.empty()) at(ejection_.front().ready);
  at(limits_.next_arrival());
  return next;
}

}  // namespace spikeloop::sim
