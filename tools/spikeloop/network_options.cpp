#include "tools/spikeloop/network_options.h"

#include <boost/program_options/value_semantic.hpp>
#include <vector>

#include "models/from_network.h"
#include "models/networks.h"
#include "nas/genotype.h"
#include "tools/spikeloop/options.h"
#include "traces/nir.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

using models::NeuronSpec;

std::string text(const std::vector<std::int64_t>& shape) {
  std::string result;
  for (const std::int64_t size : shape) result += (result.empty() ? "" : ", ") + std::to_string(size);
  return '[' + result + ']';
}

void refuse_given(const CommandLine& line, const std::vector<const char*>& options, const std::string& with,
                  const std::string& expected) {
  for (const char* option : options)
    if (line.given(option))
      throw InputError("command line", line.place_of(option), "together with " + with, expected);
}

/// The network's own neuron, changed where the command line says so.
NeuronSpec neuron_of(const NetworkChoice& choice, const CommandLine& line, NeuronSpec spec) {
  if (line.given("neuron")) spec.kind = models::parse_neuron_kind(choice.neuron, "--neuron");
  if (line.given("reset")) spec.reset = models::parse_reset_kind(choice.reset, "--reset");
  if (line.given("surrogate")) {
    spec.surrogate = models::parse_surrogate_kind(choice.surrogate, "--surrogate");
    switch (spec.surrogate) {  // what neuron_spec.h cites for each
      case models::SurrogateKind::kAtan:
        spec.alpha = 2;
        break;
      case models::SurrogateKind::kTriangle:
        spec.alpha = 0.3;
        break;
      case models::SurrogateKind::kSigmoid:
        spec.alpha = 4;
    }
  }
  if (line.given("tau")) spec.tau = choice.tau;
  if (line.given("threshold")) spec.threshold = choice.threshold;
  if (line.given("v-reset")) spec.v_reset = choice.v_reset;
  if (line.given("alpha")) spec.alpha = choice.alpha;
  if (line.given("whole-input")) spec.decay_input = false;
  const auto require = [](bool good, const char* option, double found, const char* expected) {
    if (!good) throw InputError("command line", option, std::to_string(found), expected);
  };
  require(spec.kind == models::NeuronKind::kPlif ? spec.tau > 1 : spec.tau >= 1, "--tau", spec.tau,
          "1 or more timesteps (above 1 for plif)");
  require(spec.threshold > spec.v_reset, "--threshold", spec.threshold, "above the reset potential");
  require(spec.alpha > 0, "--alpha", spec.alpha, "above 0");
  if (spec.kind == models::NeuronKind::kIf)
    refuse_given(line, {"tau", "whole-input"}, "--neuron if", "lif or plif: an IF neuron does not leak");
  return spec;
}

void require_valid(const models::CellMatrix& cell, const char* which) {
  if (!nas::is_valid(cell, false))
    throw InputError("command line", "--cell",
                     std::string("a ") + which + " cell that is not in the search space",
                     "an empty diagonal, one direction per pair, a way from the first node to the last, and "
                     "no node that is on none");
}

models::layer::InputCode input_code_of(const NetworkChoice& choice, const models::Dataset& dataset) {
  using Code = models::layer::InputCode;
  if (choice.input_code != "direct" && choice.input_code != "rate")
    throw InputError("command line", "--input-code", '"' + choice.input_code + '"', "direct or rate");
  if (!dataset.events) return choice.input_code == "rate" ? Code::kRate : Code::kDirect;
  if (choice.input_code == "rate")
    throw InputError("command line", "--input-code", "rate for the events of " + dataset.name,
                     "direct: events come as they are, a frame a timestep");
  return Code::kEvents;
}

}  // namespace

void add_architecture_options(po::options_description& network, po::options_description& neuron,
                              NetworkChoice& choice) {
  network.add_options()("arch", po::value(&choice.arch)->value_name("NAME")->default_value(choice.arch),
                        "snasnet, lightsnn (SNASNet with max pooling) or vgg9 (as in SpikeSim)")(
      "cell", po::value(&choice.cell)->value_name("CELL"), "the cells of snasnet and lightsnn")(
      "from", po::value(&choice.from)->value_name("FILE"), "train this network (NIR) further instead");
  add_network_options(network, choice.spec);
  network.add_options()(
      "stem-pool", po::value(&choice.spec.stem_pool)->value_name("N")->default_value(choice.spec.stem_pool),
      "kernel and stride of a pooling behind the stem (released LightSNN on DVS128 Gesture: 2)")(
      "width", po::value(&choice.width)->value_name("X")->default_value(1), "factor on vgg9's channels")(
      "batch-norm", po::bool_switch(&choice.batch_norm), "after vgg9's convolutions; SpikeSim has none")(
      "dropout", po::value(&choice.dropout)->value_name("P")->default_value(choice.dropout),
      "before the classifier")(
      "input-code", po::value(&choice.input_code)->value_name("CODE")->default_value(choice.input_code),
      "of images: direct (the same value at every timestep) or rate (random spikes)");
  neuron.add_options()("neuron", po::value(&choice.neuron)->value_name("KIND"), "lif, if or plif")(
      "tau", po::value(&choice.tau)->value_name("X"), "in timesteps; plif: at the start")(
      "threshold", po::value(&choice.threshold)->value_name("X"), "of a spike")(
      "v-reset", po::value(&choice.v_reset)->value_name("X"), "membrane after a hard reset, and at rest")(
      "reset", po::value(&choice.reset)->value_name("KIND"), "hard, or soft (subtracts the threshold)")(
      "whole-input", po::bool_switch(&choice.whole_input), "the input is not divided by tau")(
      "surrogate", po::value(&choice.surrogate)->value_name("KIND"),
      "gradient of a spike: atan, triangle or sigmoid")("alpha", po::value(&choice.alpha)->value_name("X"),
                                                        "its parameter; 2, 0.3 and 4 unless given");
}

namespace {

models::Architecture architecture_for(NetworkChoice choice, const CommandLine& line,
                                      const models::Dataset& dataset) {
  if (dataset.height != dataset.width)
    throw InputError(dataset.name, "samples",
                     std::to_string(dataset.height) + " x " + std::to_string(dataset.width) + " pixels",
                     "squares: the networks of --arch take no others");
  const models::layer::InputCode code = input_code_of(choice, dataset);
  if (choice.arch == "vgg9") {
    refuse_given(line, {"cell", "channels", "stem-stride", "stem-pool", "second-pool"}, "--arch vgg9",
                 "--width");
    models::Vgg9Spec spec;
    spec.input_channels = dataset.channels;
    spec.input_size = dataset.height;
    spec.classes = dataset.classes;
    spec.width = choice.width;
    spec.batch_norm = choice.batch_norm;
    spec.dropout = choice.dropout;
    spec.code = code;
    if (line.given("timesteps") || dataset.events) spec.timesteps = choice.spec.timesteps;
    if (line.given("hidden")) spec.hidden = choice.spec.hidden;
    if (line.given("votes")) spec.votes = choice.spec.votes;
    spec.neuron = neuron_of(choice, line, spec.neuron);
    return models::vgg9(spec);
  }
  if (choice.arch != "snasnet" && choice.arch != "lightsnn")
    throw InputError("command line", "--arch", '"' + choice.arch + '"', "snasnet, lightsnn or vgg9");
  line.required("cell");
  refuse_given(line, {"width", "batch-norm"}, "--arch " + choice.arch,
               "--channels, and its batch norm as it is");
  models::SnasnetSpec& spec = choice.spec;
  models::parse_cells(choice.cell, "--cell", spec.cell1, spec.cell2);
  require_valid(spec.cell1, "first");
  require_valid(spec.cell2, "second");
  spec.input_channels = dataset.channels;
  spec.input_size = dataset.height;
  spec.classes = dataset.classes;
  spec.dropout = choice.dropout;
  spec.max_pool = choice.arch == "lightsnn";
  using Code = models::layer::InputCode;
  using Input = models::SnasnetSpec::Input;
  spec.input = code == Code::kRate ? Input::kRate : code == Code::kEvents ? Input::kEvents : Input::kDirect;
  spec.neuron = neuron_of(choice, line, spec.neuron);
  return models::snasnet(spec);
}

/// A network that was trained before, by whomever, with the weights it has.
models::GraphNet network_from(const std::string& file, const CommandLine& line,
                              const models::Dataset& dataset) {
  refuse_given(line,
               {"arch",    "cell",  "channels",    "stem-stride", "stem-pool", "second-pool", "hidden",
                "votes",   "width", "batch-norm",  "dropout",     "neuron",    "tau",         "threshold",
                "v-reset", "reset", "whole-input", "surrogate",   "alpha",     "input-code",  "timesteps"},
               "--from", "the network as the file has it");
  const traces::Network network = traces::read_nir(file);
  models::GraphNet net = models::trainable(network, file);
  const std::vector<std::int64_t> sample{dataset.channels, dataset.height, dataset.width};
  const auto shapes = models::layer_shapes(net->architecture());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const models::Layer& layer = net->architecture().layers[i];
    if (layer.as<models::layer::Input>() != nullptr && shapes[i] != sample)
      throw InputError(file, "node " + layer.name, "shape " + text(shapes[i]),
                       text(sample) + ", the samples of " + dataset.name);
    if (layer.as<models::layer::Output>() != nullptr &&
        shapes[i] != std::vector<std::int64_t>{dataset.classes})
      throw InputError(file, "node " + layer.name, "shape " + text(shapes[i]),
                       text({dataset.classes}) + ", the classes of " + dataset.name);
  }
  return net;
}

}  // namespace

models::Framing framing_for(const NetworkChoice& choice, const CommandLine& line, const DataOptions& data) {
  if (choice.from.empty()) return data.framing(choice.spec.timesteps);
  const traces::Network network = traces::read_nir(choice.from);
  return data.framing(line, network.timesteps, network.input_code, choice.from);
}

models::GraphNet network_for(const NetworkChoice& choice, const CommandLine& line,
                             const models::Dataset& dataset, std::uint64_t seed) {
  if (!choice.from.empty()) return network_from(choice.from, line, dataset);
  return models::GraphNet(architecture_for(choice, line, dataset), seed);
}

}  // namespace spikeloop::tools
