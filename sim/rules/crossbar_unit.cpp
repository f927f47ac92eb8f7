#include "sim/rules/crossbar_unit.h"

#include <algorithm>
#include <utility>

#include "sim/bits.h"

namespace spikeloop::sim {
namespace {

int tree_levels(int inputs) {
  int levels = 0;
  while ((1 << levels) < inputs) ++levels;
  return levels;
}

/// Cycles from the last conversion of a window to its sums: shift-and-add, then the adder trees over the
/// crossbars of a PE and over the PEs that hold row blocks of the same outputs.
int result_cycles(const ChipConfig& chip, const Stage& stage) {
  int most_in_pe = 1;
  int most_pes = 1;
  int in_pe = 0;
  int pes = 0;
  for (std::size_t p = 0; p < stage.pieces.size();
       ++p) {  // the pieces of a block, and of its PEs, lie together
    const auto& piece = stage.pieces[p];
    const bool same_block = p > 0 && stage.pieces[p - 1].column_block == piece.column_block;
    const bool same_pe = same_block && stage.pieces[p - 1].pe == piece.pe;
    pes = same_block ? pes + (same_pe ? 0 : 1) : 1;
    in_pe = same_pe ? in_pe + 1 : 1;
    most_in_pe = std::max(most_in_pe, in_pe);
    most_pes = std::max(most_pes, pes);
  }
  return chip.shift_add.latency_cycles +
         chip.adder_tree.latency_cycles_per_level * (tree_levels(most_in_pe) + tree_levels(most_pes));
}

/// Counted once per layer, not once per tile that holds a share of it.
bool counts_inputs(const Stage& stage) {
  return stage.pieces.front().row_block == 0 && stage.pieces.front().column_block == 0;
}

}  // namespace

CrossbarUnit::CrossbarUnit(TileContext& tile, PacketRegister& packets, StageWork& work,
                           const ArrayFactory& make_array)
    : tile_(tile),
      packets_(packets),
      work_(work),
      result_cycles_(result_cycles(tile.chip, *work.stage)),
      array_(make_array(tile.chip, tile.timing, *work.stage, work.counters)),
      copies_(static_cast<std::size_t>(work.stage->copies)) {
  for (int f : work.stage->inputs)
    if (tile.flow(f).payload != Flow::Payload::kPartialSums) input_flow_ = f;
}

/// The tile cycle in which the end of a copy's window is seen.
Cycle CrossbarUnit::seen_end(int copy) const {
  const Cycle end = array_->end(copy);
  if (end == kNever) return kNever;
  return edge_from(end + tile_.timing.crossing_to_tile_from_array, tile_.timing.tile_period);
}

void CrossbarUnit::finish_due(Cycle now) {
  const auto& s = *work_.stage;
  if (write_.busy && write_.end <= now) {
    write_.busy = false;
    tile_.deliver_bits(input_flow_, write_.item, now);
    if (tile_.flow(input_flow_).local) {
      tile_.local_register(input_flow_) = {};
    } else {
      packets_.taken();
    }
  }
  if (fetch_.busy && fetch_.end <= now) {
    fetch_.busy = false;
    window_full_ = true;
    gather_window(tile_.plan, s, tile_.stimulus, fetch_.item, window_);
    if (counts_inputs(s)) {
      for (const auto& bits : window_.planes) {
        work_.counters.input_ones += popcount_range(bits, 0, s.weight_rows);
        work_.counters.input_bits += s.weight_rows;
      }
    }
    const auto pixel = static_cast<std::size_t>(fetch_.item % s.items());
    tile_.give_back(work_, fetch_.item / s.items() * work_.input_items + work_.windows.freed[pixel], now);
    tile_.record(now, EventKind::kFetchEnd, work_.id, fetch_.item);
    tile_.changed = true;
  }
  for (std::size_t c = 0; c < copies_.size(); ++c) {
    auto& copy = copies_[c];
    if (!copy.busy || seen_end(static_cast<int>(c)) > now) continue;
    copy.busy = false;
    work_.counters.busy_cycles += now - copy.start;
    copy.sums.push({now + tile_.tile_cycles(result_cycles_), copy.window.item});
    tile_.record(now, EventKind::kReadEnd, work_.id, copy.window.item);
    tile_.changed = true;
  }
}

/// The sums of the oldest window leave: to the node adder here, to other tiles, or to the tile that owns
/// them.
void CrossbarUnit::release_sums(Cycle now) {
  const std::int64_t item = work_.done;
  auto& copy = copies_[static_cast<std::size_t>(item) % copies_.size()];
  if (copy.sums.empty() || copy.sums.front().ready > now) return;
  bool summed = true;
  for (int f : work_.stage->inputs) {
    if (tile_.flow(f).payload == Flow::Payload::kPartialSums && tile_.arrived(f) <= item) summed = false;
  }
  // Waiting for other tiles' sums, or for its own write, is not waiting for room downstream.
  const bool asks = summed && written_ <= now;
  const bool leaves = asks && tile_.reserve_outputs(work_, item, now);
  tile_.track_blocked(work_, asks && !leaves, now);
  if (!leaves) return;
  copy.sums.pop();
  --copy.in_pipeline;
  tile_.record(now, EventKind::kSumsOut, work_.id, item);
  written_ = tile_.send_outputs(work_, item, now);
  for (int f : work_.stage->inputs) {
    const auto& fl = tile_.flow(f);
    if (fl.payload != Flow::Payload::kPartialSums) continue;
    tile_.ports.send_limit(f, item + 1 + fl.depth, now + limit_delay(tile_.timing, fl, false));
  }
  tile_.item_done(work_, item, now);
}

void CrossbarUnit::start(Cycle now) {
  start_read(now);
  start_accesses(now);
}

void CrossbarUnit::start_read(Cycle now) {
  if (!window_full_) return;
  const auto c = static_cast<std::size_t>(window_.item) % copies_.size();
  auto& copy = copies_[c];
  if (copy.busy || copy.in_pipeline > result_cycles_) return;
  copy.busy = true;
  copy.start = now;
  ++copy.in_pipeline;
  std::swap(copy.window, window_);
  window_full_ = false;
  array_->begin(static_cast<int>(c), copy.window,
                edge_from(now + tile_.timing.crossing_to_array, tile_.timing.array_period));
  tile_.record(now, EventKind::kReadStart, work_.id, copy.window.item);
  tile_.changed = true;
}

bool CrossbarUnit::item_waits() const {
  if (write_.busy) return false;
  if (!tile_.flow(input_flow_).local) return packets_.flow() == input_flow_;
  return tile_.local_register(input_flow_).state == TileContext::LocalRegister::State::kFull;
}

void CrossbarUnit::start_accesses(Cycle now) {
  bool write = item_waits();
  bool fetch = !fetch_.busy && !window_full_ && tile_.gate_open(work_, work_.started) &&
               tile_.window_ready(work_, work_.started);
  if (tile_.chip.input_buffer.ports == 1) {
    if (write_.busy || fetch_.busy) return;
    if (write && fetch) (fetched_last_ ? fetch : write) = false;
    if (write || fetch) fetched_last_ = fetch;
  }
  if (write) start_write(now);
  if (fetch) start_fetch(now);
}

void CrossbarUnit::start_write(Cycle now) {
  const auto& fl = tile_.flow(input_flow_);
  const int cycles = std::max(1, ceil_div(fl.item_bits, tile_.chip.input_buffer.port_bits));
  const auto item = fl.local ? tile_.local_register(input_flow_).item : packets_.item();
  write_ = {true, now + tile_.tile_cycles(cycles), item};
  tile_.changed = true;
}

void CrossbarUnit::start_fetch(Cycle now) {
  const auto& signal = tile_.plan.signals[static_cast<std::size_t>(work_.stage->signal)];
  const auto pixel = static_cast<std::size_t>(work_.started % work_.stage->items());
  const int bits = work_.windows.new_items[pixel] * signal.channels * signal.bits;
  const int cycles = std::max(1, ceil_div(bits, tile_.chip.input_buffer.port_bits));
  fetch_ = {true, now + tile_.tile_cycles(cycles), work_.started++};
  work_.counters.events[Component::kInputBufferRead] += bits;
  work_.counters.first_cycle = std::min(work_.counters.first_cycle, now);
  tile_.record(now, EventKind::kFetchStart, work_.id, fetch_.item);
  tile_.changed = true;
}

Cycle CrossbarUnit::next_event(Cycle now) const {
  Cycle next = kNever;
  for (const auto* access : {&write_, &fetch_})
    if (access->busy) consider(next, access->end, now);
  for (std::size_t c = 0; c < copies_.size(); ++c) {
    if (copies_[c].busy) consider(next, seen_end(static_cast<int>(c)), now);
    if (!copies_[c].sums.empty()) consider(next, copies_[c].sums.front().ready, now);
  }
  consider(next, written_, now);
  return next;
}

}  // namespace spikeloop::sim
