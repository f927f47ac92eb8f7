#include <ATen/ATen.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <fstream>

#include "models/train.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

const char* const kFormat = "spikeloop.checkpoint 2";
const char* const kExpected = "a spikeloop checkpoint, version 2";

}  // namespace

void save_checkpoint(const std::string& path, const GraphNet& net, const Dataset& dataset) {
  torch::serialize::OutputArchive archive, model;
  archive.write("format", c10::IValue(std::string(kFormat)));
  archive.write("dataset", c10::IValue(dataset.name));
  archive.write("architecture", c10::IValue(to_json(net->architecture())));
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

GraphNet load_checkpoint(const std::string& path, std::string* dataset_name) {
  const std::string bytes = read_file(path);
  GraphNet net(nullptr);
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
    net = GraphNet(architecture_from_json(read("architecture").toStringRef(), path), 0, false);
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
