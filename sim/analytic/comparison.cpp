#include "sim/analytic/comparison.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/analytic/closed_form.h"
#include "sim/analytic/spikesim_event.h"
#include "sim/config/text_format.h"
#include "sim/mapping/plan.h"

namespace spikeloop::sim {
namespace {

double pj(std::int64_t aj) { return static_cast<double>(aj) * 1e-6; }

std::int64_t dynamic_aj(const EnergyByComponent& energy) {
  std::int64_t aj = 0;
  for (const auto& e : energy) aj += e.dynamic_aj;
  return aj;
}
std::int64_t leakage_aj(const EnergyByComponent& energy) {
  std::int64_t aj = 0;
  for (const auto& e : energy) aj += e.leakage_aj;
  return aj;
}

std::string whole(double value) { return grouped(std::llround(value)); }
std::string cycles_text(double value) {
  return whole(value) + (std::llround(value) == 1 ? " cycle" : " cycles");
}
std::string joule(double pj) { return scaled(pj * 1e-12) + "J"; }

class Comparer {
 public:
  Comparer(const Plan& plan, const ChipConfig& chip, const Measurement& m)
      : plan_(plan), chip_(chip), m_(m), samples_(static_cast<double>(m.samples.size())) {}

  Comparison compare(const traces::TraceReader& trace, const std::vector<std::int64_t>& positions) {
    result_.parameters.crossbar = chip_.crossbar.rows;
    result_.parameters.kernel = 1;  // of the area, which takes one for all layers: the largest
    result_.parameters.pes_per_tile = chip_.tile.pes;
    result_.parameters.timesteps = plan_.timesteps;
    result_.parameters.clock_mhz = chip_.clock.frequency_mhz;
    stage_of_.resize(plan_.layers.size(), nullptr);
    for (const auto& s : plan_.stages)
      if (stage_of_[static_cast<std::size_t>(s.layer)] == nullptr)
        stage_of_[static_cast<std::size_t>(s.layer)] = &s;

    add_measured();
    add_spikesim();
    sums_.resize(plan_.layers.size());
    reads_in_one_pass_.resize(plan_.layers.size(), 0);
    ChipConfig one_pass = chip_;
    one_pass.crossbar.max_active_rows = chip_.crossbar.rows;
    for (auto position : positions) {
      const auto stimulus = read_stimulus(plan_, trace, position);
      add_closed_form(closed_form(plan_, chip_, stimulus));
      const auto form = closed_form(plan_, one_pass, stimulus);
      for (std::size_t i = 0; i < form.layers.size(); ++i)
        reads_in_one_pass_[i] += form.layers[i].crossbar_reads;
      add_events(stimulus);
    }
    dense_ = dense_closed_form(plan_, chip_);
    result_.dense_pj = dense_.dynamic_pj;
    for (std::size_t i = 0; i < result_.layers.size(); ++i) {
      result_.layers[i].dense_pj = dense_.layers[i].dynamic_pj;
      result_.layers[i].same_events = sums_[i] == m_.layers[i].events;
      add_reasons(i);
    }
    return std::move(result_);
  }

 private:
  bool is_convolution(std::size_t i) const { return plan_.layers[i].kind == "convolution"; }

  /// Of a layer's tiles, per sample; of copies that work side by side the mean.
  double busy_cycles(std::size_t i) const {
    const int copies = stage_of_[i] != nullptr ? stage_of_[i]->copies : 1;
    return static_cast<double>(m_.layers[i].busy_cycles) / copies / samples_;
  }

  void add_measured() {
    result_.energy_pj = m_.mean_energy_pj();
    result_.latency_ns = m_.mean_latency_ns();
    result_.area_um2 = m_.area_um2();
    const double cycle_ns = 1000.0 / m_.clock_mhz;
    for (std::size_t i = 0; i < m_.layers.size(); ++i) {
      const auto& layer = m_.layers[i];
      LayerComparison c;
      c.name = layer.name;
      c.kind = layer.kind;
      c.dynamic_pj = pj(dynamic_aj(layer.energy)) / samples_;
      c.energy_pj = c.dynamic_pj + pj(leakage_aj(layer.energy)) / samples_;
      c.span_ns = static_cast<double>(layer.span_cycles) * cycle_ns / samples_;
      c.busy_ns = busy_cycles(i) * cycle_ns / std::max(1, layer.tiles);
      result_.layers.push_back(c);
    }
  }

  void add_spikesim() {
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
      if (!is_convolution(i)) continue;
      index.push_back(i);
      layers_.push_back(spikesim::layer_of(plan_, *stage_of_[i]));
      result_.parameters.kernel =
          std::max(result_.parameters.kernel,
                   std::int64_t{std::max(stage_of_[i]->kernel[0], stage_of_[i]->kernel[1])});
    }
    if (layers_.empty()) {
      result_.notes.emplace_back("no convolution: SpikeSim's formulas have nothing to say");
      return;
    }
    const auto cost = spikesim::cost(layers_, result_.parameters);
    for (std::size_t i = 0; i < index.size(); ++i) {
      auto& layer = result_.layers[index[i]];
      layer.spikesim_pj = cost.energy_pj[i];
      layer.spikesim_ns = cost.latency_ns[i];
      layer.event_pj = 0;
    }
    result_.spikesim_pj = cost.total_energy_pj;
    result_.spikesim_ns = cost.total_latency_ns;
    result_.spikesim_um2 = cost.area.total;
    using spikesim::Trouble;
    if (cost.tile_trouble != Trouble::kNone)
      result_.notes.push_back("SpikeSim's " + spikesim::trouble_text("pe_tile_count", cost.tile_trouble));
    if (cost.latency_trouble != Trouble::kNone)
      result_.notes.push_back("SpikeSim's " + spikesim::trouble_text("latency_gen", cost.latency_trouble));
  }

  void add_closed_form(const ClosedForm& form) {
    result_.closed_pj += form.dynamic_pj / samples_;
    result_.least_ns += form.least_ns / samples_;
    for (std::size_t i = 0; i < form.layers.size(); ++i) {
      result_.layers[i].closed_pj += form.layers[i].dynamic_pj / samples_;
      result_.layers[i].least_ns += form.layers[i].least_ns / samples_;
      sums_[i] += form.layers[i].events;
    }
  }

  void add_events(const Stimulus& stimulus) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
      if (!is_convolution(i)) continue;
      const auto activity =
          spikesim::count_activity(plan_, *stage_of_[i], result_.parameters.crossbar, stimulus);
      const double energy =
          spikesim::event_energy_pj(layers_[next++], result_.parameters, activity) / samples_;
      *result_.layers[i].event_pj += energy;
      result_.event_pj += energy;
    }
  }

  void add_reasons(std::size_t i) {
    const LayerReport& layer = m_.layers[i];
    auto& reasons = result_.layers[i].reasons;
    const auto per_sample = [&](std::int64_t n) { return static_cast<double>(n) / samples_; };
    const auto add = [&](const char* name, double value, const char* unit, const std::string& words) {
      reasons.push_back({name, value, unit, words});
    };
    if (layer.input_bits > 0) add_read_reasons(i);
    if (layer.blocked_cycles > 0) {
      const double cycles = per_sample(layer.blocked_cycles);
      add("contention", cycles, "cycle", "results waited " + cycles_text(cycles) + " for room downstream");
    }
    if (layer.busy_cycles > 0) {
      const double idle = per_sample(layer.span_cycles) * std::max(1, layer.tiles) - busy_cycles(i) -
                          per_sample(layer.blocked_cycles);
      if (idle >= 0.5) {
        add("stalls", idle, "cycle",
            cycles_text(idle) + " of its " + (layer.tiles == 1 ? "tile" : "tiles") + " waiting for inputs");
      }
    }
    const double mesh = pj(layer.energy[static_cast<std::size_t>(Component::kRouter)].dynamic_aj +
                           layer.energy[static_cast<std::size_t>(Component::kLink)].dynamic_aj) /
                        samples_;
    if (mesh > 0) add("mesh", mesh, "pJ", joule(mesh) + " in routers and links for what it sends");
    const double leakage = pj(leakage_aj(layer.energy)) / samples_;
    if (leakage > 0) add("leakage", leakage, "pJ", joule(leakage) + " of its tiles");
    const double energy = result_.layers[i].energy_pj;
    if (layer.kind == "node") {
      add("in_formula", energy, "pJ",
          joule(energy) + ": the formula charges neurons inside its layers, 5.096 pJ a PE cycle");
    } else if (layer.kind != "convolution" && energy > 0) {
      add("not_modelled", energy, "pJ", joule(energy) + ": SpikeSim has no " + layer.kind + " part");
    }
  }

  void add_read_reasons(std::size_t i) {
    const LayerReport& layer = m_.layers[i];
    const Stage& stage = *stage_of_[i];
    const auto& signal = plan_.signals[static_cast<std::size_t>(stage.signal)];
    auto& reasons = result_.layers[i].reasons;
    const double rate = static_cast<double>(layer.input_ones) / static_cast<double>(layer.input_bits);
    const double dense = static_cast<double>(dense_.layers[i].crossbar_reads) * samples_;
    if (layer.input_ones < layer.input_bits) {
      const double share = dense > 0 ? static_cast<double>(layer.crossbar_reads) / dense : 0;
      reasons.push_back({"sparsity", rate, "1",
                         fixed_point(100 * rate, 1) + " % of the input bits are set, " +
                             fixed_point(100 * share, 1) + " % of the reads of a dense input" +
                             (share > 1 ? ", whose counts have fewer set bit planes" : "")});
    }
    if (layer.crossbar_reads > reads_in_one_pass_[i] && reads_in_one_pass_[i] > 0) {
      const double passes =
          static_cast<double>(layer.crossbar_reads) / static_cast<double>(reads_in_one_pass_[i]);
      reasons.push_back({"multi_pass", passes, "1",
                         fixed_point(passes, 2) + " passes a read, as " +
                             std::to_string(chip_.crossbar.max_active_rows) + " of " +
                             std::to_string(chip_.crossbar.rows) + " rows are driven at once"});
    }
    if (signal.bits > 1) {
      reasons.push_back({"bit_planes", static_cast<double>(signal.bits), "1",
                         std::to_string(signal.bits) + " bit planes of its input, one after the other"});
    }
    const int columns = columns_per_output(chip_, stage.weight_bits);
    if (columns > 1) {
      reasons.push_back({"weight_slices", static_cast<double>(columns), "1",
                         std::to_string(columns) + " columns an output, SpikeSim has one: " +
                             std::to_string(layer.crossbars) + " crossbars"});
      if (is_convolution(i)) {
        const auto l = spikesim::layer_of(plan_, stage);
        const auto cost = spikesim::cost({l}, result_.parameters);
        reasons.back().words += " for its " + whole(cost.num_pes * static_cast<double>(l.kernel_positions));
      }
    }
    const int left_out = plan_.timesteps - stage.timesteps;
    if (left_out > 0) {
      const char* const why = stage.is_static ? "its input stays the same" : "nobody needs the last one";
      reasons.push_back({stage.is_static ? "static_input" : "backward_edge", static_cast<double>(left_out),
                         "1",
                         std::string(why) + ": works in " + std::to_string(stage.timesteps) + " of " +
                             std::to_string(plan_.timesteps) + " timesteps, the formula charges all"});
    }
  }

  const Plan& plan_;
  const ChipConfig& chip_;
  const Measurement& m_;
  double samples_;
  Comparison result_;
  ClosedForm dense_;
  std::vector<const Stage*> stage_of_;   ///< per layer: its first
  std::vector<spikesim::Layer> layers_;  ///< convolutions in order
  std::vector<EventCounts> sums_;
  std::vector<std::int64_t> reads_in_one_pass_;
};

}  // namespace

Comparison compare_analytic(const traces::Network& network, const traces::TraceReader& trace,
                            const ChipConfig& chip, const Measurement& measurement,
                            std::vector<std::int64_t> positions, const std::string& network_path) {
  if (measurement.functional)
    throw std::invalid_argument("the analytic models take the trace's spikes, others were replayed");
  if (positions.empty()) {
    for (std::size_t i = 0; i < trace.samples().size(); ++i)
      positions.push_back(static_cast<std::int64_t>(i));
  }
  const auto input = trace.input(positions.front());
  const int frames = input.frames == 0 ? 1 : static_cast<int>(input.frames);
  const Plan plan = make_plan(network, chip, trace.header().timesteps, frames, network_path);
  return Comparer(plan, chip, measurement).compare(trace, positions);
}

}  // namespace spikeloop::sim
