#include "nas/verify_snasnet.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "models/batches.h"
#include "models/data/dataset.h"
#include "models/networks.h"
#include "models/neurons.h"
#include "models/threads.h"
#include "nas/genotype.h"
#include "nas/sahd.h"
#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using Json = nlohmann::json;
using models::CellMatrix;
using models::SnasnetSpec;

constexpr double kScoreTolerance = 1e-6;
constexpr double kExact = 1e-12;                 // for arithmetic that differs in the last bits only
constexpr std::int64_t kMostCodeBits = 1 << 24;  // of a unit vector: more is a mistake
constexpr double kNever = std::numeric_limits<double>::infinity();

/// Where in the file the reference lies that is being read, for messages.
std::string& place() {
  static std::string place = "/";
  return place;
}

/// Collects what a reference was compared in; prints its line.
class Check {
 public:
  explicit Check(std::string what) : what_(std::move(what)) {}
  void note(const std::string& figure) { notes_ += (notes_.empty() ? "" : ", ") + figure; }
  void require(bool good, const std::string& otherwise) {
    if (good) return;
    if (passed_) first_ = otherwise;
    passed_ = false;
  }
  template <class T>
  void equal(const std::string& name, const T& found, const T& expected) {
    std::ostringstream text;
    text << name << ' ' << found << " instead of " << expected;
    require(found == expected, text.str());
  }
  /// Returns 1 for a reference that differs.
  int print(std::ostream& out) const {
    out << (passed_ ? "PASS " : "FAIL ") << what_ << ": " << notes_;
    if (!passed_) out << (notes_.empty() ? "" : "; ") << first_;
    out << '\n';
    return passed_ ? 0 : 1;
  }

 private:
  std::string what_, notes_, first_;
  bool passed_ = true;
};

constexpr const char* kLayout = "the layout of the SNASNet references";

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

template <class T>
std::string text_of(T value) {
  std::ostringstream text;
  text << std::setprecision(10) << value;
  return text.str();
}

CellMatrix matrix_of(const Json& json) {
  CellMatrix matrix{};
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      const int op = json.at(from).at(to).get<int>();
      if (op < 0 || op > 4) throw std::out_of_range("operation " + std::to_string(op));
      matrix[from][to] = static_cast<models::Op>(op);
    }
  }
  return matrix;
}

std::string name_of(const Json& reference, const CellMatrix& matrix) {
  const std::string text = models::to_text(matrix, matrix);
  return reference.at("celltype").get<std::string>() + " " + text.substr(0, text.find('|'));
}

/// The numbers of narrow_float64.json: one splitmix64 stream over all weights, in parameter order.
void set_reference_weights(models::GraphNetImpl& net, std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  std::uint64_t k = 0;
  for (auto& item : net.named_parameters()) {
    at::Tensor& weight = item.value();
    if (weight.dim() < 2) continue;  // BatchNorm and biases keep their initial values
    const auto fan_in = static_cast<double>(weight.numel() / weight.size(0));
    const double bound =
        weight.dim() == 4 ? std::sqrt(6 / (5 * fan_in)) : 0.01 * std::sqrt(3.0) * std::sqrt(32768 / fan_in);
    at::Tensor values = at::empty(weight.sizes(), at::kFloat);
    auto* data = values.data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      data[i] = static_cast<float>((2 * unit(seed, k++) - 1) * bound);
    }
    weight.copy_(values);
  }
}

void check_parameters(Check& check, models::GraphNetImpl& net, const Json& expected) {
  const auto parameters = net.named_parameters();
  check.equal("number of parameter tensors", parameters.size(), expected.size());
  for (std::size_t i = 0; i < std::min(parameters.size(), expected.size()); ++i) {
    const std::string name = expected.at(i).at(0).get<std::string>();
    check.equal("parameter name", parameters[i].key(), name);
    check.require(
        parameters[i].value().sizes().vec() == expected.at(i).at(1).get<std::vector<std::int64_t>>(),
        "shape of " + name);
    const double sum = parameters[i].value().sum().item<double>();
    check.require(std::abs(sum - expected.at(i).at(3).get<double>()) < 1e-9 * std::max(1.0, std::abs(sum)),
                  "sum of " + name + " " + text_of(sum));
  }
}

struct Call {
  std::string module;
  std::int64_t spikes, neurons, near;  // near: membranes within 1e-5 of the threshold
};

/// A list with nothing in it would pass whatever the program computes.
const Json& list_of(const Json& json, const char* key) {
  const Json& list = json.at(key);
  if (!list.is_array() || list.empty())
    throw std::invalid_argument(std::string("\"") + key + "\" is not a list of one entry or more");
  return list;
}

/// One repeat against its reference. Adds the log-determinant to `score`; false when spike counts differ.
bool check_repeat(Check& check, const std::string& which, const Json& expected,
                  const std::vector<Call>& calls, const SahdKernel& kernel, const at::Tensor& per_sample,
                  const at::Tensor& output, double& score) {
  const Json& expected_calls = list_of(expected, "calls");
  check.equal(which + " LIF calls", calls.size(), expected_calls.size());
  std::int64_t inexact = 0, slack = 0;
  for (std::size_t i = 0; i < std::min(calls.size(), expected_calls.size()); ++i) {
    const Json& call = expected_calls.at(i);
    const std::string call_name = which + " call " + std::to_string(i) + " " + calls[i].module;
    check.equal(call_name + ": module", calls[i].module, call.at(0).get<std::string>());
    check.equal(call_name + ": neurons", calls[i].neurons, call.at(2).get<std::int64_t>());
    const auto difference = std::abs(calls[i].spikes - call.at(1).get<std::int64_t>());
    inexact += difference > 0 ? 1 : 0;
    slack += call.at(3).get<std::int64_t>();
    check.require(
        difference <= call.at(3).get<std::int64_t>(),
        call_name + ": " + std::to_string(calls[i].spikes) + " spikes instead of " + call.at(1).dump());
  }
  const SahdKernel::LogDet log_det = kernel.log_det();
  const double difference = std::abs(log_det.value - expected.at("logdet").get<double>());
  score += log_det.value;
  check.note(which + " " + std::to_string(calls.size()) + " LIF calls, " + std::to_string(inexact) +
             " with other spike counts (" + std::to_string(slack) +
             " membranes within 1e-5), log-determinant " + text_of(log_det.value) + " off by " +
             text_of(difference));
  check.equal(which + " sign", log_det.sign, expected.at("sign").get<double>());
  if (inexact > 0) return false;  // a spike more or less moves all that follows
  check.require(difference <= kScoreTolerance, which + " log-determinant");
  double worst = 0;
  const Json& totals = list_of(expected, "per_sample_total");
  const auto samples = static_cast<std::size_t>(per_sample.size(0));
  check.equal(which + " samples with a spike count", totals.size(), samples);
  for (std::size_t i = 0; i < std::min(totals.size(), samples); ++i) {
    check.equal(which + " spikes of sample " + std::to_string(i),
                per_sample[static_cast<std::int64_t>(i)].item<std::int64_t>(),
                totals.at(i).get<std::int64_t>());
  }
  const Json& outputs = list_of(expected, "out");
  const auto width = static_cast<std::size_t>(output.size(1));
  check.equal(which + " samples with an output", outputs.size(), samples);
  for (std::size_t i = 0; i < std::min(outputs.size(), samples); ++i) {
    check.equal(which + " outputs of sample " + std::to_string(i), outputs.at(i).size(), width);
    for (std::size_t j = 0; j < std::min(outputs.at(i).size(), width); ++j) {
      const double value = output[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)].item<double>();
      worst = std::max(worst, std::abs(value - outputs.at(i).at(j).get<double>()));
    }
  }
  check.require(worst < kScoreTolerance, which + " network output off by " + text_of(worst));
  const double k01 = kernel.kernel()[0][1].item<double>();
  check.require(std::abs(k01 - expected.at("K01").get<double>()) < kScoreTolerance, which + " K[0][1]");
  return true;
}

int verify_narrow(const Json& json, const std::string& data_dir, std::ostream& out) {
  const Json& about = json.at("about");
  models::DatasetOptions options;
  options.dir = data_dir;
  options.train = false;
  const models::Dataset dataset = models::open_dataset("cifar10", options);
  const auto batch = about.at("batch").get<std::int64_t>();
  SnasnetSpec spec;
  const Json& widths = about.at("widths");
  spec.channels = widths.at("stem_and_cell1").get<std::int64_t>();
  spec.hidden = widths.at("hidden").get<std::int64_t>();
  spec.dropout = 0;
  spec.classes = 10;
  spec.votes = widths.at("final").get<std::int64_t>() / spec.classes;
  spec.timesteps = about.at("timesteps").get<int>();
  spec.neuron.tau = about.at("tau").get<double>();
  spec.neuron.threshold = about.at("threshold").get<double>();
  spec.second_pool = about.at("second_avgpooling").get<std::int64_t>();
  if (spec.channels < 1 || spec.hidden < 0 || spec.votes < 1 || spec.timesteps < 1 || spec.second_pool < 1)
    throw std::invalid_argument("\"about\" with a width, pooling or number of timesteps below 1");
  const at::NoGradGuard no_grad;
  int failures = 0;
  std::size_t number = 0;
  for (const Json& reference : list_of(json, "references")) {
    place() = "/references/" + std::to_string(number++);
    spec.cell1 = spec.cell2 = matrix_of(reference.at("matrix"));
    Check check(name_of(reference, spec.cell1));
    models::GraphNet net(models::snasnet(spec), 1, false);
    set_reference_weights(*net, 1);
    net->to(at::kDouble);
    net->train();
    net->stepwise = true;
    net->keep_state = true;  // as the released scoring loop
    check_parameters(check, *net, reference.at("parameters"));
    check.equal("parameters", net->num_parameters(), reference.at("params").get<std::int64_t>());
    check.equal("LIF modules", static_cast<std::int64_t>(models::released_lifs(spec).size()),
                reference.at("lif_modules").get<std::int64_t>());
    double score = 0;
    const Json& repeats = list_of(reference, "repeats");
    if (batch < 1 || batch > dataset.test->size() / static_cast<std::int64_t>(repeats.size()))
      throw std::invalid_argument(std::to_string(repeats.size()) + " repeats of batch " +
                                  std::to_string(batch) + ", but there are " +
                                  std::to_string(dataset.test->size()) + " images");
    bool exact = true;
    for (std::size_t r = 0; r < repeats.size(); ++r) {
      std::vector<Call> calls;
      SahdKernel kernel;
      at::Tensor per_sample = at::zeros({batch}, at::kDouble);
      const auto told = [&](const std::string& module, int, const at::Tensor& spikes,
                            const at::Tensor& membrane) {
        const at::Tensor near = (membrane - spec.neuron.threshold).abs().lt(1e-5);
        calls.push_back({module, static_cast<std::int64_t>(spikes.sum().item<double>()),
                         spikes.numel() / spikes.size(0), near.sum().item<std::int64_t>()});
        per_sample += spikes.flatten(1).sum(1);
        kernel.add(spikes);
      };
      net->observer = in_released_order(spec, told);
      const auto images =
          models::read_batch(dataset, *dataset.test, static_cast<std::int64_t>(r) * batch, batch);
      const at::Tensor output = net->forward(images.input.to(at::kDouble));
      exact = check_repeat(check, "repeat " + std::to_string(r + 1), repeats.at(r), calls, kernel, per_sample,
                           output, score) &&
              exact;
    }
    score /= static_cast<double>(repeats.size());
    const double expected_score = reference.at("score").get<double>();
    check.require(!exact || std::abs(score - expected_score) <= kScoreTolerance,
                  "score " + text_of(score) + " instead of " + text_of(expected_score));
    check.note("score " + text_of(score) + " (reference " + text_of(expected_score) + ")");
    failures += check.print(out);
  }
  return failures;
}

SnasnetSpec full_spec(const std::string& dataset) {
  SnasnetSpec spec;
  spec.timesteps = 1;  // neither counts nor shapes depend on it
  spec.hidden = 1024;
  if (dataset == "cifar10") {
    spec.channels = 256;
    spec.votes = 10;
  } else if (dataset == "cifar100") {
    spec.channels = 128;
    spec.classes = 100;
    spec.votes = 5;
  } else if (dataset == "tinyimagenet") {
    spec.channels = 128;
    spec.input_size = 64;
    spec.stem_stride = 2;
    spec.hidden = 4096;
    spec.classes = 200;
    spec.votes = 5;
  } else {
    throw std::out_of_range("dataset " + dataset);
  }
  return spec;
}

/// Parameters under a module's name.
std::int64_t count_under(const models::GraphNetImpl& net, const std::string& prefix) {
  std::int64_t count = 0;
  for (const auto& item : net.named_parameters()) {
    if (item.key().compare(0, prefix.size(), prefix) == 0) count += item.value().numel();
  }
  return count;
}

/// [stage, output shape for two samples] of the released module's parts.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> stage_shapes(
    const models::Architecture& architecture, const SnasnetSpec& spec) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  const auto layer_shapes = models::layer_shapes(architecture);
  for (std::size_t i = 0; i < layer_shapes.size(); ++i) {
    auto& shape = shapes[architecture.layers[i].name];
    shape = layer_shapes[i];
    shape.insert(shape.begin(), 2);
  }
  const bool hidden = spec.hidden > 0;
  std::vector<std::pair<std::string, std::string>> layers{
      {"stem", "stem.bn"},
      {"cell1", "cell1.node3"},
      {"downconv1", "reduce.bn2"},
      {"resdownsample1", "reduce.pool"},
      {"cell2", "cell2.node3"},
      {"last_act", "last.lif"},
      {"resdownsample2", spec.second_pool > 1 ? "last.pool" : "last.lif"},
      {"classifier.0", "flatten"}};
  if (hidden) {
    layers.emplace_back("classifier.1", "fc1");
    layers.emplace_back("classifier.2", "fc1.lif");
  }
  layers.emplace_back(hidden ? "classifier.3" : "classifier.1", "fc2");
  layers.emplace_back("classifier", "fc2");
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> stages;
  for (const auto& [stage, layer] : layers) stages.emplace_back(stage, shapes.at(layer));
  stages.push_back({"boost", {2, 1, spec.classes}});
  return stages;
}

int verify_shapes(const Json& json, std::ostream& out) {
  int failures = 0;
  std::size_t number = 0;
  for (const Json& reference : json) {
    place() = "/" + std::to_string(number++);
    const std::string dataset = reference.at("dataset").get<std::string>();
    SnasnetSpec spec = full_spec(dataset);
    spec.second_pool = reference.at("second_avgpooling").get<std::int64_t>();
    spec.cell1 = spec.cell2 = matrix_of(reference.at("matrix"));
    Check check(dataset + " " + name_of(reference, spec.cell1));
    const models::Architecture architecture = models::snasnet(spec);
    models::GraphNet net(architecture, 1, false);
    const auto lifs = static_cast<std::int64_t>(models::released_lifs(spec).size());
    const std::int64_t parameters = net->num_parameters();
    check.equal("parameters", parameters, reference.at("params").get<std::int64_t>());
    check.equal("parameters of cell 1", count_under(*net, "cell1."),
                reference.at("params_cell1").get<std::int64_t>());
    check.equal("parameters of cell 2", count_under(*net, "cell2."),
                reference.at("params_cell2").get<std::int64_t>());
    check.equal("LIF modules", lifs, reference.at("lif_modules").get<std::int64_t>());
    check.note(std::to_string(parameters) + " parameters, " + std::to_string(lifs) + " LIF modules");
    if (reference.contains("shapes_batch2")) {
      const auto stages = stage_shapes(architecture, spec);
      const Json& expected = reference.at("shapes_batch2");
      check.equal("stages", stages.size(), expected.size());
      for (std::size_t i = 0; i < std::min(stages.size(), expected.size()); ++i) {
        check.equal("stage", stages[i].first, expected.at(i).at(0).get<std::string>());
        check.require(stages[i].second == expected.at(i).at(1).get<std::vector<std::int64_t>>(),
                      "shape of " + stages[i].first);
      }
      check.note(std::to_string(stages.size()) + " stage shapes");
    }
    failures += check.print(out);
  }
  return failures;
}

/// Codes of unit_vectors.json: "x[i][j] = unit(i*N+j, seed 42) < P", "silent", "all ones".
at::Tensor code_of(const Json& item, std::int64_t batch, std::int64_t n) {
  const std::string code = item.at("code").get<std::string>();
  double limit = 0;
  if (code == "all ones") {
    limit = 1;
  } else if (code != "silent") {
    const std::string start = "x[i][j] = unit(i*N+j, seed 42) < ";
    if (code.compare(0, start.size(), start) != 0) throw std::out_of_range("code \"" + code + "\"");
    limit = std::stod(code.substr(start.size()));
  }
  at::Tensor x = at::empty({batch, n}, at::kDouble);
  for (std::int64_t k = 0; k < batch * n; ++k) {
    x.data_ptr<double>()[k] = unit(42, static_cast<std::uint64_t>(k)) < limit ? 1 : 0;
  }
  return x;
}

int verify_sahd(const Json& item, std::ostream& out) {
  const auto batch = item.at("B").get<std::int64_t>(), n = item.at("N").get<std::int64_t>();
  Check check("SAHD kernel " + std::to_string(batch) + " x " + std::to_string(n) + " " +
              item.at("code").get<std::string>());
  if (batch < 2 || n < 1 || batch * n > kMostCodeBits)
    throw std::invalid_argument("B " + std::to_string(batch) + " and N " + std::to_string(n));
  const at::Tensor x = code_of(item, batch, n);
  SahdKernel kernel;
  kernel.add(x);
  const at::Tensor k = kernel.kernel();
  const bool exact = item.contains("K_float64") && !item.at("K_float64").is_null();
  const char* key = exact ? "K_float64" : "K_float32";
  const double tolerance = exact ? kExact : 1e-6;
  double worst = 0;
  if (item.contains(key) && !item.at(key).is_null()) {
    for (std::int64_t i = 0; i < batch; ++i) {
      for (std::int64_t j = 0; j < batch; ++j) {
        const auto row = static_cast<std::size_t>(i), column = static_cast<std::size_t>(j);
        worst =
            std::max(worst, std::abs(k[i][j].item<double>() - item.at(key).at(row).at(column).get<double>()));
      }
    }
    check.note("K off by " + text_of(worst));
    check.require(worst <= tolerance * static_cast<double>(n), "K");
  }
  const SahdKernel::LogDet log_det = kernel.log_det();
  if (item.contains("logdet_float64")) {
    const double k01 = k[0][1].item<double>();
    check.require(std::abs(k01 - item.at("K01_float64").get<double>()) < 1e-9, "K[0][1] " + text_of(k01));
    const double difference = std::abs(log_det.value - item.at("logdet_float64").get<double>());
    check.note("log-determinant " + text_of(log_det.value) + " off by " + text_of(difference));
    check.require(difference <= kScoreTolerance, "log-determinant");
    if (item.contains("sign")) check.equal("sign", log_det.sign, item.at("sign").get<double>());
  } else {
    check.note("singular: log-determinant " + text_of(log_det.value));
    check.require(log_det.value == -kNever && log_det.sign == 0, "log-determinant of a singular kernel");
  }
  return check.print(out);
}

at::Tensor rows_of(const Json& json) {
  const auto rows = json.get<std::vector<std::vector<double>>>();
  for (const auto& row : rows)
    if (row.empty() || row.size() != rows.front().size())
      throw std::invalid_argument("rows of different lengths, or without numbers");
  at::Tensor tensor = at::empty(
      {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows.at(0).size())}, at::kDouble);
  auto* data = tensor.data_ptr<double>();
  for (const auto& row : rows) data = std::copy(row.begin(), row.end(), data);
  return tensor;
}

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

int verify_lif(const Json& item, std::ostream& out) {
  Check check("LIF steps and gradients");
  const at::Tensor input = rows_of(item.at("input")).set_requires_grad(true);
  const at::Tensor spikes = rows_of(item.at("spikes")), after = rows_of(item.at("v_after_reset"));
  for (const at::Tensor* other : {&spikes, &after})
    if (other->sizes() != input.sizes()) throw std::invalid_argument("spikes or membranes unlike the input");
  models::NeuronParameters wanted;
  wanted.all_membranes = true;
  const models::NeuronOutput output = models::run_neurons(input, {}, {}, wanted);
  for (std::int64_t t = 0; t < input.size(0); ++t) {
    check.require(at::equal(output.spikes[t], spikes[t]), "spikes of step " + std::to_string(t));
  }
  const double worst = largest((output.membranes * (1 - output.spikes)).detach() - after);
  const at::Tensor steps = at::arange(1, input.size(0) + 1, at::kDouble).unsqueeze(1);
  const at::Tensor loss = (at::arange(1, input.size(1) + 1, at::kDouble) * steps * output.spikes).sum();
  check.note("membranes off by " + text_of(worst));
  check.require(worst <= kExact, "membranes");
  loss.backward();
  const double gradient = largest(input.grad() - rows_of(item.at("grad_of_sum_w_spike")));
  check.note("gradients off by " + text_of(gradient));
  check.require(gradient <= 1e-9, "gradients");
  return check.print(out);
}

int verify_surrogate(const Json& item, std::ostream& out) {
  Check check("ATan surrogate");
  double worst = 0;
  if (list_of(item, "x").size() != item.at("grad").size())
    throw std::invalid_argument("\"x\" and \"grad\" of different lengths");
  for (std::size_t i = 0; i < item.at("x").size(); ++i) {
    // tau = 1 makes the membrane equal the input: x is the distance from the threshold.
    const at::Tensor input = at::full({1, 1}, 1 + item.at("x").at(i).get<double>(), at::kDouble);
    input.set_requires_grad(true);
    models::NeuronSpec spec;
    spec.tau = 1;
    models::run_neurons(input, {}, spec).spikes.sum().backward();
    worst = std::max(worst, std::abs(input.grad().item<double>() - item.at("grad").at(i).get<double>()));
  }
  check.note(std::to_string(item.at("x").size()) + " derivatives, off by " + text_of(worst));
  check.require(worst <= kExact, "derivative");
  return check.print(out);
}

int verify_clean(const std::string& what, const Json& items, std::ostream& out) {
  Check check(what);
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const CleanedCell cleaned = clean(matrix_of(items.at(i).at(0)));
    check.require(
        cleaned.accepted == items.at(i).at(2).get<bool>() && cleaned.cell == matrix_of(items.at(i).at(1)),
        "matrix " + std::to_string(i));
    accepted += cleaned.accepted ? 1 : 0;
  }
  check.note(std::to_string(items.size()) + " matrices, " + std::to_string(accepted) + " accepted");
  return check.print(out);
}

int verify_splitmix(const Json& item, std::ostream& out) {
  Check check("splitmix64");
  const auto seed = item.at("seed").get<std::uint64_t>();
  std::size_t count = 0;
  for (const Json& value : list_of(item, "first_outputs")) {
    check.equal("output", splitmix64(seed, count), value.get<std::uint64_t>());
    check.equal("unit", unit(seed, count), item.at("first_units").at(count).get<double>());
    ++count;
  }
  check.note(std::to_string(count) + " outputs");
  return check.print(out);
}

int verify_units(const Json& json, std::ostream& out) {
  int failures = 0;
  std::size_t number = 0;
  for (const Json& item : list_of(json, "sahd")) {
    place() = "/sahd/" + std::to_string(number++);
    failures += verify_sahd(item, out);
  }
  place() = "/";
  failures += verify_lif(json.at("lif"), out);
  failures += verify_surrogate(json.at("atan_surrogate"), out);
  failures += verify_clean("cleaning of forward matrices", list_of(json, "clean_forward"), out);
  failures += verify_clean("cleaning of backward matrices", list_of(json, "clean_backward"), out);
  failures += verify_splitmix(json.at("splitmix64"), out);
  return failures;
}

int verify(const Json& json, const std::string& file, const std::string& data_dir, std::ostream& out) {
  if (json.is_object() && json.contains("references")) return verify_narrow(json, data_dir, out);
  if (json.is_object() && json.contains("sahd")) return verify_units(json, out);
  if (json.is_array() && !json.empty() && json.at(0).is_object() && json.at(0).contains("params_cell1")) {
    return verify_shapes(json, out);
  }
  throw InputError(file, "/", "another content",
                   "SNASNet references: \"references\", \"sahd\", or a list with \"params_cell1\"");
}

}  // namespace

int verify_snasnet(const std::string& file, const std::string& data_dir, std::ostream& out) {
  Json json;
  const std::string text = read_file(file);
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw InputError(file, "byte " + std::to_string(error.byte),
                     "no JSON (" + std::string(error.what()) + ")", "a file of SNASNet references");
  }
  const models::ThreadCount one_thread(1);  // sums in one order
  place() = "/";
  try {
    return verify(json, file, data_dir, out);
  } catch (const InputError& error) {
    if (place() == "/") throw;  // of another file, such as the images
    throw InputError(file, place(), error.what(), kLayout);
  } catch (const c10::Error& error) {  // its what() holds a stack trace
    throw InputError(file, place(), first_line(error.what_without_backtrace()), kLayout);
  } catch (const std::exception& error) {
    throw InputError(file, place(), first_line(error.what()), kLayout);
  }
}

}  // namespace spikeloop::nas
