#include "sim/bounds.h"

#include <algorithm>

#include "sim/bits.h"
#include "sim/energy.h"
#include "sim/mapping/plan.h"
#include "sim/needed_items.h"
#include "sim/rules/crossbar_array.h"
#include "sim/rules/packet_size.h"
#include "sim/rules/timing.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// What a tile's resources are busy for, in Cycle.
struct Busy {
  Cycle fetch = 0, crossbars = 0, neurons = 0, node_adder = 0, tree_adder = 0, pooling = 0, injection = 0,
        ejection = 0;
  Cycle longest() const {
    return std::max({fetch, crossbars, neurons, node_adder, tree_adder, pooling, injection, ejection});
  }
  Busy& operator+=(const Busy& other) {
    fetch += other.fetch;
    crossbars += other.crossbars;
    neurons += other.neurons;
    node_adder += other.node_adder;
    tree_adder += other.tree_adder;
    pooling += other.pooling;
    injection += other.injection;
    ejection += other.ejection;
    return *this;
  }
};

/// Events of every layer; those that are counted go to the current one.
struct LayerEvents {
  std::vector<EventCounts> layers;
  std::size_t current = 0;
  std::int64_t& operator[](Component c) { return layers[current][c]; }
};

class Bounder {
 public:
  Bounder(const Plan& plan, const ChipConfig& chip, const Stimulus* stimulus)
      : plan_(plan),
        chip_(chip),
        stimulus_(stimulus),
        timing_(make_timing(chip)),
        needed_(needed_items(plan)),
        ejected_(static_cast<std::size_t>(plan.columns * plan.rows), 0),
        busy_(static_cast<std::size_t>(plan.columns * plan.rows)),
        events_{std::vector<EventCounts>(plan.layers.size())},
        least_(plan.layers.size(), 0),
        reads_(plan.layers.size(), 0),
        read_aj_(plan.layers.size(), 0) {}

  Work count() {
    for (const auto& s : plan_.stages) add_stage(s);
    for (const auto& r : plan_.routes) add_route(r);
    for (const auto& f : plan_.flows) add_flow(f);
    Cycle cycles = std::max(host_.longest(), Cycle{1});
    for (const auto& b : busy_) cycles = std::max(cycles, b.longest());
    const double cycle_ns = 1000.0 / timing_.grid_mhz;
    Work work;
    work.least_ns = static_cast<double>(cycles) * cycle_ns;
    for (std::size_t i = 0; i < plan_.layers.size(); ++i)
      work.layers.push_back(
          {events_.layers[i], reads_[i], read_aj_[i], static_cast<double>(least_[i]) * cycle_ns});
    return work;
  }

  Bounds bound() {
    const Work work = count();
    Bounds bounds;
    bounds.latency_ns = work.least_ns;
    bounds.memory_bytes = static_cast<double>(plan_.weight_memory_bits) / 8.0;

    EnergyByComponent energy{};
    for (const auto& layer : work.layers) charge(layer.events, event_energy_aj(chip_), energy);
    std::int64_t total_aj = 0;
    for (const auto& e : energy) total_aj += e.dynamic_aj;
    std::int64_t area = 0;
    const auto add = [&](const Inventory& inventory, std::int64_t count) {
      for (auto a : area_nm2(inventory))
        area = add_millionths(area, static_cast<double>(count) * static_cast<double>(a));
      for (auto l : leakage_aj(inventory, bounds.latency_ns))
        total_aj = add_millionths(total_aj, static_cast<double>(count) * static_cast<double>(l));
    };
    add(tile_inventory(chip_), plan_.tiles_used);
    add(router_inventory(chip_), std::int64_t{plan_.columns} * plan_.rows);
    add(host_inventory(chip_), 1);
    bounds.energy_pj = static_cast<double>(total_aj) / 1e6;
    bounds.area_um2 = static_cast<double>(area) / 1e6;
    return bounds;
  }

 private:
  const Flow& flow(int id) const { return plan_.flows[static_cast<std::size_t>(id)]; }

  void add_stage(const Stage& s) {
    if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) return;
    charge_to(s);
    const auto id = static_cast<std::size_t>(&s - plan_.stages.data());
    Busy whole;  // its own, until its last item; of its tile only what results wait for
    Busy needed;
    count_stage(s, needed_.of_stage[id], whole, needed);
    least_[events_.current] = std::max(least_[events_.current], whole.longest());
    busy_[static_cast<std::size_t>(s.tile)] += needed;
  }

  void charge_to(const Stage& s) { events_.current = static_cast<std::size_t>(s.layer); }

  /// Counts all events of a stage, and what it works for all of its items and for the needed ones.
  void count_stage(const Stage& s, std::int64_t needed_items, Busy& whole, Busy& needed) {
    const std::int64_t items = std::int64_t{s.timesteps} * s.items();
    if (s.kind == StageKind::kNode) {
      const std::int64_t passes = s.neuron_passes(), states = s.neuron_states();
      const Cycle item =
          timing_.tile_period * (passes > 0 ? passes * ceil_div(s.channels, chip_.neuron_unit.lanes)
                                            : ceil_div(s.channels, chip_.node_adder.lanes));
      whole.neurons += items * item;
      needed.neurons += needed_items * item;
      bool holds_static = false;
      for (int f : s.inputs) holds_static = holds_static || (flow(f).is_static && !s.is_static);
      const std::int64_t channels = items * s.channels;
      events_[Component::kNodeMemoryRead] += channels * chip_.node_adder.value_bits * (holds_static ? 2 : 1);
      events_[Component::kNeuronUnit] += passes * channels;
      events_[Component::kMembraneMemoryRead] += states * channels * chip_.neuron_unit.membrane_bits;
      events_[Component::kMembraneMemoryWrite] += states * channels * chip_.neuron_unit.membrane_bits;
      return;
    }
    const auto& input = flow(s.inputs.at(0));
    const auto& from = plan_.stages[static_cast<std::size_t>(input.producer)];
    const auto* signal =
        s.kind == StageKind::kMvm ? &plan_.signals[static_cast<std::size_t>(s.signal)] : nullptr;
    const auto windows = signal != nullptr ? make_windows(s, signal->height, signal->width)
                                           : make_windows(s, from.height, from.width);
    if (signal != nullptr) add_reads(s, *signal, needed_items, whole, needed);
    for (std::size_t p = 0; p < windows.needed.size(); ++p) {
      const auto pixel = static_cast<std::int64_t>(p);
      const std::int64_t times =
          needed_items <= pixel ? 0 : (needed_items - pixel - 1) / s.items() + 1;  // that it is needed
      if (signal != nullptr) {
        const std::int64_t bits = std::int64_t{windows.new_items[p]} * signal->channels * signal->bits;
        const Cycle fetch =
            timing_.tile_period * std::max<std::int64_t>(1, ceil_div(bits, chip_.input_buffer.port_bits));
        whole.fetch += s.timesteps * fetch;
        needed.fetch += times * fetch;
        events_[Component::kInputBufferRead] += s.timesteps * bits;
      } else {
        const std::int64_t additions = std::int64_t{s.channels} * windows.in_bounds[p];
        const Cycle pooling =
            timing_.tile_period * std::max<std::int64_t>(1, ceil_div(additions, chip_.pooling_unit.lanes));
        whole.pooling += s.timesteps * pooling;
        needed.pooling += times * pooling;
        events_[Component::kPoolingUnit] += s.timesteps * additions;
        events_[Component::kPoolingMemoryRead] +=
            std::int64_t{s.timesteps} * windows.in_bounds[p] * input.item_bits;
      }
    }
  }

  /// All reads of a stage; copies share its windows. Without a stimulus every window is the same: no bit set,
  /// but a cycle of the arrays each.
  void add_reads(const Stage& s, const Signal& signal, std::int64_t needed_windows, Busy& whole,
                 Busy& needed) {
    const std::int64_t windows = std::int64_t{s.timesteps} * s.items();
    std::vector<std::int64_t> active(s.pieces.size(), 0);
    std::vector<std::int64_t> passes(s.pieces.size(), signal.bits * read_passes(chip_, 0));
    if (stimulus_ == nullptr) {
      const Cycle window = timing_.array_period * add_windows(s, active, passes, windows);
      whole.crossbars += ceil_div(windows, s.copies) * window;
      needed.crossbars += ceil_div(needed_windows, s.copies) * window;
      return;
    }
    std::vector<Cycle> of_copy(static_cast<std::size_t>(s.copies), 0);
    std::vector<Cycle> needed_of_copy = of_copy;
    for (std::int64_t n = 0; n < windows; ++n) {
      const auto& planes = stimulus_->at(plan_, s.signal, static_cast<int>(n / s.items()));
      for (std::size_t p = 0; p < s.pieces.size(); ++p) {
        const auto same_rows = [&](const Piece& other) { return other.row_begin == s.pieces[p].row_begin; };
        const auto twin = static_cast<std::size_t>(std::find_if(s.pieces.begin(), s.pieces.end(), same_rows) -
                                                   s.pieces.begin());
        if (twin < p) {  // another column block sees the same wordlines
          active[p] = active[twin];
          passes[p] = passes[twin];
          continue;
        }
        active[p] = passes[p] = 0;
        for (const auto& plane : planes) {
          int rows = 0;
          for_each_range(s, s.pieces[p], signal, static_cast<int>(n % s.items()),
                         [&](int /*row*/, std::int64_t begin, std::int64_t end) {
                           rows += popcount_range(plane, begin, end);
                         });
          active[p] += rows;
          passes[p] += read_passes(chip_, rows);
        }
      }
      if (!s.row_energy_aj.empty()) add_row_energies(s, signal, planes, static_cast<int>(n % s.items()));
      const Cycle window = add_windows(s, active, passes, 1);
      of_copy[static_cast<std::size_t>(n % s.copies)] += window;
      if (n < needed_windows) needed_of_copy[static_cast<std::size_t>(n % s.copies)] += window;
    }
    whole.crossbars += timing_.array_period * *std::max_element(of_copy.begin(), of_copy.end());
    needed.crossbars +=
        timing_.array_period * *std::max_element(needed_of_copy.begin(), needed_of_copy.end());
  }

  /// What the driven rows of a window draw, by their cells' conductances.
  void add_row_energies(const Stage& s, const Signal& signal, const std::vector<traces::PackedBits>& planes,
                        int pixel) {
    auto& aj = read_aj_[events_.current];
    for (std::size_t p = 0; p < s.pieces.size(); ++p) {
      const auto& of_row = s.row_energy_aj[p];
      for_each_range(s, s.pieces[p], signal, pixel, [&](int row, std::int64_t begin, std::int64_t end) {
        for (std::int64_t bit = begin; bit < end; ++bit, ++row) {
          for (const auto& plane : planes) {
            if ((plane[static_cast<std::size_t>(bit / 64)] >> (bit % 64) & 1U) != 0)
              aj = add_up_to_most(aj, of_row[static_cast<std::size_t>(row - s.pieces[p].row_begin)]);
          }
        }
      });
    }
  }

  /// Calls visit(row, begin, end) for the stretches of the signal's bits on a piece's wordlines, from `row`
  /// of the weight matrix on, in the window of output pixel `pixel`.
  template <class Visit>
  static void for_each_range(const Stage& s, const Piece& piece, const Signal& signal, int pixel,
                             const Visit& visit) {
    const int end = piece.row_begin + piece.rows;
    if (s.whole_map) return visit(piece.row_begin, piece.row_begin, end);
    const int channels = signal.channels;
    for (int row = piece.row_begin; row < end;) {
      const int position = row / channels;
      const int next = std::min(end, (position + 1) * channels);
      const int y = pixel / s.width * s.stride[0] - s.padding[0] + position / s.kernel[1] * s.dilation[0];
      const int x = pixel % s.width * s.stride[1] - s.padding[1] + position % s.kernel[1] * s.dilation[1];
      if (y >= 0 && x >= 0 && y < signal.height && x < signal.width) {
        const std::int64_t at = (std::int64_t{y} * signal.width + x) * channels;
        visit(row, at + row % channels, at + row % channels + (next - row));
      }
      row = next;
    }
  }

  /// Counts `windows` equal windows, `active` rows and `passes` of each piece; returns the
  /// array cycles of one.
  Cycle add_windows(const Stage& s, const std::vector<std::int64_t>& active,
                    const std::vector<std::int64_t>& passes, std::int64_t windows) {
    Cycle longest = 1;
    for (std::size_t p = 0; p < s.pieces.size(); ++p) {
      if (passes[p] == 0) continue;
      const Piece& piece = s.pieces[p];
      const std::int64_t conversions = windows * passes[p] * piece.columns;
      reads_[events_.current] += windows * passes[p];
      events_[Component::kCrossbar] += windows * active[p];
      events_[Component::kWordlineDriver] += windows * active[p];
      events_[Component::kColumnMux] += conversions;
      events_[Component::kAdc] += conversions;
      events_[Component::kShiftAdd] += conversions;
      events_[Component::kAdderTree] += windows * sums_additions(chip_, s, p);
      longest = std::max(
          longest, crossbar_cycles(timing_, chip_.adc.sample_and_hold, passes[p],
                                   static_cast<int>(ceil_div(piece.columns, timing_.adcs_per_crossbar))));
    }
    return longest;
  }

  /// Flits of all packets of a flow. Without a stimulus at their smallest: spikes without a set bit are a
  /// bare header in every encoding.
  std::int64_t flits_of(const Flow& f, std::int64_t items) const {
    if (stimulus_ == nullptr || f.payload != Flow::Payload::kSpikes) {
      const auto* signal = f.signal >= 0 ? &plan_.signals[static_cast<std::size_t>(f.signal)] : nullptr;
      return items * packet_flits(chip_, packet_payload_bits(chip_, f, signal, 0));
    }
    std::int64_t flits = 0;
    for (std::int64_t n = 0; n < items; ++n) flits += packet_size(plan_, chip_, *stimulus_, f, n);
    return flits;
  }

  void add_route(const Route& route) {
    const auto& f = flow(route.flows.front());
    const auto& from = plan_.stages[static_cast<std::size_t>(f.producer)];
    const std::int64_t flits = flits_of(f, std::int64_t{f.timesteps} * f.items);
    std::int64_t needed_items = 0;
    for (int id : route.flows)
      needed_items = std::max(needed_items, needed_.of_flow[static_cast<std::size_t>(id)]);
    const std::int64_t needed_flits = flits_of(f, needed_items);
    charge_to(from);
    const std::int64_t bits = flits * chip_.mesh.flit_bits;
    // A router takes and gives one flit per port in a cycle of its clock, a tile in one of its own.
    const Cycle host_time = needed_flits * timing_.network_period;
    const Cycle tile_time = needed_flits * std::max(timing_.network_period, timing_.tile_period);
    // Each router on the way sends the flit once to each side that leads on; each destination takes it once.
    events_[Component::kRouter] += flits * (route.links + static_cast<std::int64_t>(route.tiles.size()));
    events_[Component::kLink] += flits * route.links;
    if (from.kind == StageKind::kHostInput) {
      host_.injection += host_time;
      events_[Component::kHostPort] += bits;
    } else {
      busy_[static_cast<std::size_t>(from.tile)].injection += tile_time;
      events_[Component::kOutputBufferRead] += bits;
      events_[Component::kOutputBufferWrite] += bits;
    }
    if (route.to_host) {
      host_.ejection += host_time;
      charge_to(plan_.stages[static_cast<std::size_t>(f.consumer)]);
      events_[Component::kHostPort] += bits;
    } else {
      for (int id : route.flows) {  // a tile may wait for less of it than another
        const auto& to = plan_.stages[static_cast<std::size_t>(flow(id).consumer)];
        const std::int64_t there = flits_of(f, needed_.of_flow[static_cast<std::size_t>(id)]);
        auto& ejection = ejected_[static_cast<std::size_t>(to.tile)];
        ejection = std::max(ejection, there * std::max(timing_.network_period, timing_.tile_period));
      }
      for (int tile : route.tiles) {
        auto& ejection = ejected_[static_cast<std::size_t>(tile)];
        busy_[static_cast<std::size_t>(tile)].ejection += ejection;
        ejection = 0;
      }
    }
  }

  /// What a flow's consumer does with its items.
  void add_flow(const Flow& f) {
    const auto& to = plan_.stages[static_cast<std::size_t>(f.consumer)];
    if (to.kind == StageKind::kHostOutput) return;
    charge_to(to);
    auto& busy = busy_[static_cast<std::size_t>(to.tile)];
    const std::int64_t items = std::int64_t{f.timesteps} * f.items;
    const std::int64_t needed = needed_.of_flow[static_cast<std::size_t>(&f - plan_.flows.data())];
    const std::int64_t bits = items * f.item_bits;
    if (f.payload == Flow::Payload::kPartialSums) {
      busy.tree_adder += timing_.tile_period * needed * ceil_div(f.channels, chip_.adder_tree.lanes);
      events_[Component::kAdderTree] += items * f.channels;
    } else if (to.kind == StageKind::kNode) {
      busy.node_adder += timing_.tile_period * needed * ceil_div(f.channels, chip_.node_adder.lanes);
      events_[Component::kNodeAdder] += items * f.channels;
      events_[Component::kNodeMemoryRead] += bits;
      events_[Component::kNodeMemoryWrite] += bits;
    } else {
      events_[to.kind == StageKind::kPool ? Component::kPoolingMemoryWrite : Component::kInputBufferWrite] +=
          bits;
    }
  }

  const Plan& plan_;
  const ChipConfig& chip_;
  const Stimulus* stimulus_;
  Timing timing_;
  NeededItems needed_;
  std::vector<Cycle> ejected_;  ///< per tile: of the route that is added
  std::vector<Busy> busy_;      ///< per tile, with the items that results wait for
  Busy host_;
  LayerEvents events_;
  std::vector<Cycle> least_;                   ///< per layer
  std::vector<std::int64_t> reads_, read_aj_;  ///< per layer
};

}  // namespace

Bounds lower_bounds(const traces::Network& network, const ChipConfig& chip, const std::string& network_path) {
  const int timesteps = std::max(1, network.timesteps);
  const auto bound = [&](int input_frames) {
    return Bounder(make_plan(network, chip, timesteps, input_frames, network_path), chip, nullptr).bound();
  };
  try {
    return bound(1);
  } catch (const InputError&) {
    return bound(timesteps);  // a network that cannot hold an input which stays the same
  }
}

Work count_work(const Plan& plan, const ChipConfig& chip, const Stimulus* stimulus) {
  return Bounder(plan, chip, stimulus).count();
}

}  // namespace spikeloop::sim
