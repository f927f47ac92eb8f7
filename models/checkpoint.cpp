#include <ATen/ATen.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <fstream>

#include "models/train.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

const char* const kFormat = "spikeloop.checkpoint 1";
const char* const kExpected = "a spikeloop checkpoint, version 1";

/// Calls f(name, member) for each whole number of a spec.
template <class Spec, class F>
void for_each_number(Spec& spec, F f) {
  f("input_channels", spec.input_channels);
  f("input_size", spec.input_size);
  f("channels", spec.channels);
  f("stem_stride", spec.stem_stride);
  f("second_pool", spec.second_pool);
  f("hidden", spec.hidden);
  f("classes", spec.classes);
  f("votes", spec.votes);
}

}  // namespace

void save_checkpoint(const std::string& path, const Snasnet& net, const Dataset& dataset) {
  torch::serialize::OutputArchive archive, model;
  const SnasnetSpec& spec = net->spec();
  archive.write("format", c10::IValue(std::string(kFormat)));
  archive.write("dataset", c10::IValue(dataset.name));
  archive.write("cells", c10::IValue(to_text(spec.cell1, spec.cell2)));
  for_each_number(spec,
                  [&](const char* name, std::int64_t value) { archive.write(name, c10::IValue(value)); });
  archive.write("timesteps", c10::IValue(static_cast<std::int64_t>(spec.timesteps)));
  archive.write("tau", c10::IValue(spec.neuron.tau));
  archive.write("threshold", c10::IValue(spec.neuron.threshold));
  net->save(model);
  archive.write("model", model);
  write_atomically(path, [&](const std::string& temporary) {
    // Through a stream: given a name, LibTorch would put it into the archive.
    std::ofstream file(temporary, std::ios::binary);
    archive.save_to(file);
    file.close();
    if (!file) throw InputError(path, "write", "an error while writing", "room for the checkpoint");
  });
}

Snasnet load_checkpoint(const std::string& path, std::string* dataset_name) {
  const std::string bytes = read_file(path);
  Snasnet net(nullptr);
  try {
    torch::serialize::InputArchive archive, model;
    archive.load_from(bytes.data(), bytes.size());
    c10::IValue value;
    const auto read = [&](const char* name) -> const c10::IValue& {
      archive.read(name, value);
      return value;
    };
    if (read("format").toStringRef() != kFormat) {
      throw InputError(path, "format", "\"" + value.toStringRef() + "\"", kExpected);
    }
    const std::string name = read("dataset").toStringRef();
    SnasnetSpec spec;
    parse_cells(read("cells").toStringRef(), "cells of " + path, spec.cell1, spec.cell2);
    for_each_number(spec, [&](const char* key, std::int64_t& number) { number = read(key).toInt(); });
    spec.timesteps = static_cast<int>(read("timesteps").toInt());
    spec.neuron.tau = read("tau").toDouble();
    spec.neuron.threshold = read("threshold").toDouble();
    net = Snasnet(spec, 0, false);
    std::vector<std::vector<std::int64_t>> shapes;
    for (const auto& parameter : net->parameters()) shapes.push_back(parameter.sizes().vec());
    archive.read("model", model);
    net->load(model);
    const auto parameters = net->named_parameters();
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (parameters[i].value().sizes().vec() != shapes[i]) {
        throw InputError(path, parameters[i].key(), "another shape",
                         "the shape that the specification gives");
      }
    }
    if (dataset_name != nullptr) *dataset_name = name;
  } catch (const c10::Error& error) {
    // LibTorch's text goes on with a backtrace.
    const std::string text = error.what_without_backtrace();
    throw InputError(path, "content", text.substr(0, text.find('\n')), kExpected);
  }
  net->eval();
  return net;
}

}  // namespace spikeloop::models
