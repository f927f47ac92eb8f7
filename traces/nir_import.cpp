#include "traces/nir_import.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "traces/network_shapes.h"
#include "traces/support/error.h"

namespace spikeloop::traces {

namespace {

constexpr double kDefaultDt = 1e-4;  // of snnTorch's and SpikingJelly's exporters
constexpr double kSame = 1e-3;       // relative: exporters compute in float32

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

bool same(double a, double b) { return std::fabs(a - b) <= kSame * std::max(std::fabs(a), std::fabs(b)); }

/// The ratio of two parameters when it is one for all neurons; nothing otherwise, or where `below` is all 1.
std::optional<double> ratio(const Tensor& above, const Tensor& below) {
  const std::size_t count = std::max(above.data.size(), below.data.size());
  const auto at = [&](const Tensor& t, std::size_t i) {
    return static_cast<double>(t.data[t.data.size() == 1 ? 0 : std::min(i, t.data.size() - 1)]);
  };
  if (count == 0 ||
      (above.data.size() != 1 && below.data.size() != 1 && above.data.size() != below.data.size()))
    return std::nullopt;
  const double first = at(above, 0) / at(below, 0);
  bool all_one = true;
  for (std::size_t i = 0; i < count; ++i) {
    if (!same(at(above, i) / at(below, i), first)) return std::nullopt;
    all_one = all_one && at(below, i) == 1;
  }
  if (all_one || !std::isfinite(first) || first <= 0) return std::nullopt;
  return first;
}

bool at_least_one(const Tensor& t) {
  return std::all_of(t.data.begin(), t.data.end(), [](float v) { return v >= 1 - 1e-5F; });
}

bool all(const Tensor& t, double value) {
  return std::all_of(t.data.begin(), t.data.end(),
                     [&](float v) { return same(static_cast<double>(v), value); });
}

/// What the parameters of a node say about the timestep, and why.
struct DtHint {
  std::optional<double> dt_s;
  std::string why;
  bool in_timesteps = false;
  const Tensor* shown_by = nullptr;
};

// Above it a spiking network's timestep is none that anybody uses, and an IF's r is a gain.
constexpr double kLongestIfDt = 0.05;

DtHint hint_of(const Node& node) {
  if (const auto* p = node.as<LifParams>()) {
    // r = tau/dt is at least 1; below that it is a gain of its own.
    if (const auto dt = ratio(p->tau, p->r); dt && at_least_one(p->r))
      return {dt, "r = tau/dt, as snnTorch and SpikingJelly (decay_input=False) write", false, &p->tau};
    if (at_least_one(p->tau) && all(p->r, 1))
      return {1.0, "tau >= 1 counts timesteps, as sinabs writes", true, &p->tau};
  }
  if (const auto* p = node.as<CubaLifParams>()) {
    const auto dt = ratio(p->tau_mem, p->r);
    const auto from_synapse = ratio(p->tau_syn, p->w_in);
    if (dt && from_synapse && same(*dt, *from_synapse) && at_least_one(p->r) && at_least_one(p->w_in))
      return {dt, "r = tau_mem/dt and w_in = tau_syn/dt, as snnTorch writes", false, &p->tau_mem};
  }
  if (const auto* p = node.as<IfParams>()) {
    if (const auto dt = ratio({{1}, {1}}, p->r); dt && *dt <= kLongestIfDt)
      return {dt, "IF r = 1/dt, as SpikingJelly writes", false, &p->r};
  }
  return {};
}

bool leaky(const Node& node) {
  return node.as<LifParams>() != nullptr || node.as<CubaLifParams>() != nullptr;
}

class Importer {
 public:
  Importer(std::string file, const ImportOptions& options) : file_(std::move(file)), options_(options) {
    result_.network = read_nir(file_, &result_.findings);
  }

  ImportedNetwork run() {
    choose_dt();
    count_if_per_timestep();
    choose_euler();
    choose_firing();
    if (options_.timesteps > 0) network().timesteps = options_.timesteps;
    if (options_.input_bits > 0) {
      const float scale = network().input_scale;
      if (network().input_bits > 0 && scale != 1) {
        throw InputError("command line", "--input-bits",
                         "given for " + file_ + ", whose input has steps of " +
                             text_of(static_cast<double>(scale)) + " already",
                         "none: counts of events would be read with another step");
      }
      network().input_bits = options_.input_bits;
      network().input_scale = 1;
    }
    validate(network(), file_);
    return std::move(result_);
  }

 private:
  Network& network() { return result_.network; }
  void decide(const std::string& text) { result_.decisions.push_back(text); }
  void warn(const std::string& text) { result_.warnings.push_back(text); }

  void choose_dt() {
    DtHint hint;
    std::string who;
    int agreeing = 0;
    std::set<float> shown;
    for (const Node& node : network().nodes) {
      const DtHint found = hint_of(node);
      if (!found.dt_s) continue;
      if (hint.dt_s && !same(*hint.dt_s, *found.dt_s)) {
        warn("parameters of '" + who + "' say dt " + text_of(*hint.dt_s) + " s, those of '" + node.name +
             "' " + text_of(*found.dt_s) + " s: check --nir-dt");
        continue;
      }
      if (!hint.dt_s) {
        hint = found;
        who = node.name;
      }
      ++agreeing;
      shown.insert(found.shown_by->data.begin(), found.shown_by->data.end());
    }
    const auto& nodes = network().nodes;
    const bool matters = std::any_of(nodes.begin(), nodes.end(), leaky);
    if (options_.dt_s > 0) {
      network().dt_s = options_.dt_s;
      decide("dt " + text_of(options_.dt_s) + " s, as --nir-dt says");
      if (hint.dt_s && !same(*hint.dt_s, options_.dt_s))
        warn("'" + who + "' shows dt " + text_of(*hint.dt_s) + " s (" + hint.why + "), not " +
             text_of(options_.dt_s) + " s");
    } else if (result_.findings.gives_dt) {
      decide("dt " + text_of(network().dt_s) + " s, from the file's metadata");
    } else if (hint.dt_s) {
      network().dt_s = *hint.dt_s;
      decide("dt " + text_of(*hint.dt_s) + (hint.in_timesteps ? ": " : " s: ") + "at '" + who + "', " +
             hint.why);
      if (agreeing == 1 || shown.size() == 1) {
        warn("dt rests on " + (agreeing == 1 ? "'" + who + "' alone" : "one value that all neurons share") +
             ", which other conventions may mean otherwise: check it with --nir-dt");
      }
    } else {
      network().dt_s = kDefaultDt;
      if (matters) {
        decide("dt " + text_of(kDefaultDt) +
               " s, assumed: nothing in the file tells it (r = 1: tau in seconds, "
               "as Norse and Rockpool write)");
        warn(
            "the timestep is a guess: give the one the network was trained with, --nir-dt S (Norse's own "
            "default is 0.001)");
      } else {
        decide("dt " + text_of(kDefaultDt) + " s by default; no neuron here depends on it");
      }
    }
    in_timesteps_ = hint.in_timesteps && same(network().dt_s, 1) && !result_.findings.ours;
  }

  /// IF as frameworks run it: what comes in is added once per timestep, whatever dt is.
  void count_if_per_timestep() {
    if (result_.findings.ours) return;
    std::string per_second, others;
    const auto add = [](std::string& list, const Node& node) {
      list += (list.empty() ? "'" : ", '") + node.name + "'";
    };
    for (Node& node : network().nodes) {
      auto* p = node.as<IfParams>();
      if (p == nullptr || all(p->r, 1)) continue;
      if (all(p->r, 1 / network().dt_s)) {
        p->r = {{1}, {1}};
        add(per_second, node);
      } else {
        add(others, node);
      }
    }
    if (!per_second.empty()) decide("IF r = 1/dt at " + per_second + ": v += input in each timestep");
    if (!others.empty())
      warn("IF r is neither 1 nor 1/dt at " + others + ": taken per timestep, v += r * input");
  }

  void choose_euler() {
    const auto& nodes = network().nodes;
    if (std::none_of(nodes.begin(), nodes.end(), leaky)) return;
    const auto fallback = in_timesteps_ ? ImportOptions::Euler::kExponential : ImportOptions::Euler::kForward;
    const bool exponential = options_.euler.value_or(fallback) == ImportOptions::Euler::kExponential;
    if (exponential && result_.findings.ours)
      throw InputError("command line", "--euler", "exponential for a file of ours",
                       "forward: its time constants already say how far a timestep goes");
    for (Node& node : network().nodes) {
      if (auto* p = node.as<LifParams>()) step_of(node, "tau", p->tau, exponential);
      if (auto* p = node.as<CubaLifParams>()) {
        step_of(node, "tau_syn", p->tau_syn, exponential);
        step_of(node, "tau_mem", p->tau_mem, exponential);
      }
    }
    std::string text = exponential ? "exponential Euler: v goes 1 - exp(-dt/tau) of the way in a timestep"
                                   : "forward Euler: v goes dt/tau of the way in a timestep";
    if (exponential && !options_.euler) text += ", as sinabs does";
    decide(text);
  }

  void step_of(const Node& node, const char* name, Tensor& tau, bool exponential) {
    const double dt = network().dt_s;
    for (float& value : tau.data) {
      const double here = static_cast<double>(value);
      if (exponential) {
        value = static_cast<float>(dt / -std::expm1(-dt / here));
      } else if (dt / here > 1 + 1e-5) {
        throw InputError(
            file_, node_place(node.name) + ", " + name,
            text_of(here) + " s with dt " + text_of(dt) + " s: dt/" + name + " = " + text_of(dt / here),
            "at most 1, or forward Euler overshoots: --nir-dt of at most " + text_of(here) +
                ", or --euler exponential");
      }
    }
  }

  void choose_firing() {
    bool hard = false, soft = false;
    for (Node& node : network().nodes) {
      auto rule = firing_rule(node);
      if (!rule) continue;
      if (options_.soft_reset) rule->soft_reset = *options_.soft_reset;
      if (options_.spike_at_threshold) rule->spike_at_threshold = *options_.spike_at_threshold;
      (rule->soft_reset ? soft : hard) = true;
      set_firing_rule(node, *rule);
    }
    if (!hard && !soft) return;
    const bool ours = result_.findings.ours;
    const char* rules = hard && soft ? "mixed, v = v_reset or v -= v_threshold by node"
                        : hard       ? "v = v_reset"
                                     : "v -= v_threshold";
    decide(std::string("reset: ") + rules +
           (options_.soft_reset ? ", as --reset says"
            : ours              ? ", from the file's metadata"
                                : ", NIR's only rule"));
    if (!options_.soft_reset && !ours)
      warn(
          "NIR cannot say that a reset subtracts the threshold, which is the default of sinabs and snnTorch "
          "(and SpikingJelly with v_reset=None): then --reset soft");
    decide(options_.spike_at_threshold
               ? std::string("spike when v ") + (*options_.spike_at_threshold ? ">=" : ">") +
                     " v_threshold, as --fire says"
           : ours ? std::string("spike as the file's metadata says")
                  : std::string("spike when v > v_threshold, NIR's rule"));
  }

  std::string file_;
  ImportOptions options_;
  ImportedNetwork result_;
  bool in_timesteps_ = false;
};

}  // namespace

ImportedNetwork import_nir(const std::string& path, const ImportOptions& options) {
  return Importer(path, options).run();
}

}  // namespace spikeloop::traces
