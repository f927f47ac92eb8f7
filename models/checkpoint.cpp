#include "models/checkpoint.h"

#include <ATen/ATen.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "models/data/dataset.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

using Json = nlohmann::json;

const char* const kFormat = "spikeloop.checkpoint 2";
const char* const kExpected = "a spikeloop checkpoint, version 2";

using Named = std::vector<std::pair<std::string, at::Tensor>>;

Named named_tensors(const GraphNet& net) {
  Named named;
  for (const auto& item : net->named_parameters()) named.emplace_back(item.key(), item.value().detach());
  for (const auto& item : net->named_buffers()) named.emplace_back(item.key(), item.value());
  return named;
}

c10::IValue list_of(const std::vector<at::Tensor>& tensors) {
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : tensors) list.push_back(tensor.detach().cpu());
  return list;
}

std::vector<at::Tensor> tensors_of(const c10::IValue& value) { return value.toTensorVector(); }

void write_network(torch::serialize::OutputArchive& archive, const GraphNet& net) {
  c10::List<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named_tensors(net)) {
    names.push_back(name);
    tensors.push_back(tensor);
  }
  archive.write("architecture", c10::IValue(to_json(net->architecture())));
  archive.write("names", c10::IValue(names));
  archive.write("tensors", list_of(tensors));
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return '[' + text + ']';
}

/// Copies tensors of a file to those of a network made from the same architecture.
void fill(const std::string& path, const std::vector<at::Tensor>& from, const Named& to) {
  if (from.size() != to.size())
    throw InputError(path, "tensors", std::to_string(from.size()), std::to_string(to.size()));
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto& [name, target] = to[i];
    if (from[i].sizes() != target.sizes())
      throw InputError(path, name, "shape " + shape_text(from[i]), shape_text(target));
    target.copy_(from[i]);
  }
}

/// At least so many numbers are in a file with this network's weights. Sizes by themselves would make room
/// for as much as they say.
double least_numbers(const Architecture& architecture) {
  const auto shapes = layer_shapes(architecture);
  std::vector<double> inputs(shapes.size(), 0);
  for (const LayerEdge& edge : architecture.edges)
    inputs[static_cast<std::size_t>(edge.to)] =
        static_cast<double>(shapes[static_cast<std::size_t>(edge.from)][0]);
  double numbers = 0;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const auto kernel = [](const layer::Conv& conv) {
      return static_cast<double>(conv.kernel * conv.kernel) / static_cast<double>(conv.groups);
    };
    const auto outputs = static_cast<double>(shapes[i][0]);
    if (const auto* conv = layer.as<layer::Conv>()) numbers += outputs * inputs[i] * kernel(*conv);
    if (layer.as<layer::Linear>() != nullptr) numbers += outputs * inputs[i];
    if (layer.as<layer::BatchNorm>() != nullptr || layer.as<layer::Affine>() != nullptr) numbers += outputs;
  }
  return numbers;
}

template <class Read>
GraphNet read_network(const std::string& path, std::size_t bytes, Read read) {
  const Architecture architecture = architecture_from_json(read("architecture").toStringRef(), path);
  if (least_numbers(architecture) * sizeof(float) > static_cast<double>(bytes))
    throw InputError(path, "architecture", "more weights than " + std::to_string(bytes) + " bytes hold",
                     "the network whose weights are in the file");
  GraphNet net(architecture, 0, false);
  const Named named = named_tensors(net);
  const c10::IValue list = read("names");
  const auto names = list.toListRef();
  for (std::size_t i = 0; i < names.size() && i < named.size(); ++i)
    if (names[i].toStringRef() != named[i].first)
      throw InputError(path, "tensor " + std::to_string(i), '"' + names[i].toStringRef() + '"',
                       '"' + named[i].first + '"');
  fill(path, tensors_of(read("tensors")), named);
  return net;
}

void write_training(torch::serialize::OutputArchive& archive, const TrainState& state) {
  const Json json{{"identity", state.identity},
                  {"epoch", state.epoch},
                  {"batch", state.batch},
                  {"finished", state.finished},
                  {"loss", state.sums.loss},
                  {"right", state.sums.right},
                  {"lr", state.sums.lr},
                  {"seen", state.sums.seen},
                  {"steps", state.optimiser.steps},
                  {"loss_scale", state.loss_scale.scale},
                  {"good_steps", state.loss_scale.good_steps},
                  {"metrics", metrics_jsonl(state.metrics)},
                  {"best_epoch", state.best_epoch},
                  {"best_accuracy", state.best_accuracy}};
  archive.write("training", c10::IValue(json.dump()));
  archive.write("optimiser_first", list_of(state.optimiser.first));
  archive.write("optimiser_second", list_of(state.optimiser.second));
  archive.write("best", list_of(state.best));
}

template <class Read>
TrainState read_training(Read read) {
  TrainState state;
  const Json json = Json::parse(read("training").toStringRef());
  json.at("identity").get_to(state.identity);
  json.at("epoch").get_to(state.epoch);
  json.at("batch").get_to(state.batch);
  json.at("finished").get_to(state.finished);
  json.at("loss").get_to(state.sums.loss);
  json.at("right").get_to(state.sums.right);
  json.at("lr").get_to(state.sums.lr);
  json.at("seen").get_to(state.sums.seen);
  json.at("steps").get_to(state.optimiser.steps);
  json.at("loss_scale").get_to(state.loss_scale.scale);
  json.at("good_steps").get_to(state.loss_scale.good_steps);
  state.metrics = metrics_from_jsonl(json.at("metrics").get<std::string>());
  json.at("best_epoch").get_to(state.best_epoch);
  json.at("best_accuracy").get_to(state.best_accuracy);
  state.optimiser.first = tensors_of(read("optimiser_first"));
  state.optimiser.second = tensors_of(read("optimiser_second"));
  state.best = tensors_of(read("best"));
  return state;
}

/// What its training says of the network.
void read_identity(Checkpoint& checkpoint) {
  for (const Layer& layer : checkpoint.net->architecture().layers) {
    const auto* input = layer.as<layer::Input>();
    if (input != nullptr && input->code == layer::InputCode::kRate) checkpoint.input_code = kRateCode;
  }
  if (!checkpoint.training) return;
  const Json identity = Json::parse(checkpoint.training->identity);
  identity.at("training").at("qat").get_to(checkpoint.qat);
  const Json& dataset = identity.at("dataset");
  if (dataset.contains("framing")) dataset.at("framing").get_to(checkpoint.input_code);
}

}  // namespace

std::vector<at::Tensor> weights_and_statistics(const GraphNet& net) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named_tensors(net))
    if (tensor.is_floating_point()) tensors.push_back(tensor);
  return tensors;
}

void save_checkpoint(const std::string& path, const GraphNet& net, const std::string& dataset,
                     const TrainState* training) {
  torch::serialize::OutputArchive archive;
  archive.write("format", c10::IValue(std::string(kFormat)));
  archive.write("dataset", c10::IValue(dataset));
  write_network(archive, net);
  if (training != nullptr) write_training(archive, *training);
  // Into memory first: LibTorch's writer ends the process when a write fails. (And given a file's name, it
  // would put that into the archive.)
  std::string bytes;
  archive.save_to([&](const void* data, std::size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  write_file(path, bytes);
}

Checkpoint load_checkpoint(const std::string& path) {
  const std::string bytes = read_file(path);
  Checkpoint checkpoint;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(bytes.data(), bytes.size());
    const auto read = [&](const char* name) {
      c10::IValue value;
      archive.read(name, value);
      return value;
    };
    const std::string format = read("format").toStringRef();
    if (format != kFormat) throw InputError(path, "format", '"' + format + '"', kExpected);
    checkpoint.dataset = read("dataset").toStringRef();
    checkpoint.net = read_network(path, bytes.size(), read);
    c10::IValue training;
    if (archive.try_read("training", training)) checkpoint.training = read_training(read);
    read_identity(checkpoint);
  } catch (const c10::Error& error) {
    // LibTorch's text goes on with a backtrace.
    const std::string text = error.what_without_backtrace();
    throw InputError(path, "content", text.substr(0, text.find('\n')), kExpected);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path, "training", error.what(), kExpected);
  } catch (const InputError&) {
    throw;
  } catch (const std::exception& error) {  // LibTorch's reading of damaged bytes
    throw InputError(path, "content", error.what(), kExpected);
  }
  checkpoint.net->eval();
  return checkpoint;
}

}  // namespace spikeloop::models
