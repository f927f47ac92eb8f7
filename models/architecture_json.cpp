#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <type_traits>

#include "models/architecture.h"
#include "models/words.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

using Json = nlohmann::json;

const char* const kFormat = "spikeloop.architecture 1";

using layer::InputCode;
using PoolKind = layer::Pool::Kind;
using InitKind = layer::Init::Kind;
constexpr Words<InputCode, 3> kCodes{
    {{"direct", InputCode::kDirect}, {"rate", InputCode::kRate}, {"events", InputCode::kEvents}}};
constexpr Words<PoolKind, 3> kPools{
    {{"average", PoolKind::kAverage}, {"sum", PoolKind::kSum}, {"max", PoolKind::kMax}}};
constexpr Words<InitKind, 3> kInits{
    {{"kaiming", InitKind::kKaiming}, {"xavier", InitKind::kXavier}, {"normal", InitKind::kNormal}}};

/// Writes fields into an object.
struct Writer {
  Json& json;
  template <class T>
  void operator()(const char* name, const T& value) {
    json[name] = value;
  }
  template <class Enum, std::size_t N>
  void operator()(const char* name, const Enum& value, const Words<Enum, N>& words) {
    json[name] = word_of(words, value);
  }
};

/// A whole number as it is: get<int>() would round 1.5, take true for 1 and cut off what int does not hold.
template <class T>
T whole(const Json& json, const char* name) {
  if (!json.is_number_integer()) throw std::invalid_argument(std::string(name) + " is no whole number");
  const bool huge = json.is_number_unsigned() &&
                    json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  if (huge || (!json.is_number_unsigned() && json.get<std::int64_t>() < std::numeric_limits<T>::min()))
    throw std::invalid_argument(std::string(name) + " " + json.dump() + " is out of range");
  return json.get<T>();
}

/// A list of as many whole numbers as `value` has; a vector takes what there is.
template <class List>
void read_list(const Json& json, const char* name, List& value) {
  if (!json.is_array()) throw std::invalid_argument(std::string(name) + " is no list");
  if constexpr (std::is_same_v<List, std::vector<std::int64_t>>) value.resize(json.size());
  if (json.size() != value.size())
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(json.size()) + " numbers, not " +
                                std::to_string(value.size()));
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = whole<std::int64_t>(json[i], name);
}

/// Reads fields from an object, and remembers which there are.
struct Reader {
  const Json& json;
  std::set<std::string> known{};
  template <class T>
  void operator()(const char* name, T& value) {
    known.insert(name);
    const Json& found = json.at(name);
    if constexpr (std::is_same_v<T, bool>) {
      if (!found.is_boolean()) throw std::invalid_argument(std::string(name) + " is no truth value");
      value = found.get<bool>();
    } else if constexpr (std::is_integral_v<T>) {
      value = whole<T>(found, name);
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!found.is_number()) throw std::invalid_argument(std::string(name) + " is no number");
      value = found.get<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = found.get<T>();
    } else {
      read_list(found, name, value);
    }
  }
  template <class Enum, std::size_t N>
  void operator()(const char* name, Enum& value, const Words<Enum, N>& words) {
    known.insert(name);
    const auto word = json.at(name).get<std::string>();
    for (const auto& [known_word, meant] : words) {
      if (word != known_word) continue;
      value = meant;
      return;
    }
    throw std::invalid_argument(std::string(name) + " \"" + word + "\"");
  }
  void refuse_unknown() const {
    for (const auto& item : json.items()) {
      if (known.count(item.key()) == 0) throw std::invalid_argument("unknown key \"" + item.key() + "\"");
    }
  }
};

// Every field of every layer, for writing and reading. Const or not follows from the caller.
template <class F, class T>
void init_fields(F& f, T& init) {
  f("init", init.kind, kInits);
  f("init_value", init.value);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Input*) {
  f("shape", p.shape);
  f("code", p.code, kCodes);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Conv*) {
  f("out_channels", p.out_channels);
  f("kernel", p.kernel);
  f("stride", p.stride);
  f("padding", p.padding);
  f("groups", p.groups);
  f("bias", p.bias);
  init_fields(f, p.init);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Neuron*) {
  f("neuron", p.spec.kind, kNeuronWords);
  f("tau", p.spec.tau);
  f("threshold", p.spec.threshold);
  f("v_reset", p.spec.v_reset);
  f("decay_input", p.spec.decay_input);
  f("reset", p.spec.reset, kResetWords);
  f("surrogate", p.spec.surrogate, kSurrogateWords);
  f("alpha", p.spec.alpha);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Pool*) {
  f("pool", p.kind, kPools);
  f("kernel", p.kernel);
  f("stride", p.stride);
  f("padding", p.padding);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Linear*) {
  f("out", p.out);
  f("bias", p.bias);
  init_fields(f, p.init);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Dropout*) {
  f("probability", p.probability);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Sum*) {
  f("shape", p.shape);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Vote*) {
  f("votes", p.votes);
}
template <class F, class T>
void fields(F& f, T& p, const layer::Affine*) {
  f("bias", p.bias);
}
template <class F, class T>
void fields(F&, T&, const layer::BatchNorm*) {}
template <class F, class T>
void fields(F&, T&, const layer::Flatten*) {}
template <class F, class T>
void fields(F&, T&, const layer::Output*) {}

// In the order of layer::Params.
constexpr std::array<const char*, std::variant_size_v<layer::Params>> kTypes{
    "Input",  "Conv",    "BatchNorm", "Neuron", "Pool",   "Flatten",
    "Linear", "Dropout", "Sum",       "Vote",   "Output", "Affine"};
static_assert(kTypes.back() != nullptr, "a word for every layer");

template <std::size_t I = 0>
layer::Params params_of(const std::string& type, Reader& reader) {
  if constexpr (I == std::variant_size_v<layer::Params>) {
    throw std::invalid_argument("unknown type \"" + type + "\"");
  } else {
    if (type != kTypes[I]) return params_of<I + 1>(type, reader);
    std::variant_alternative_t<I, layer::Params> params;
    fields(reader, params, &params);
    return params;
  }
}

Layer layer_of(const Json& json) {
  Layer layer;
  Reader reader{json};
  std::string type;
  reader("name", layer.name);
  reader("type", type);
  if (json.contains("module")) reader("module", layer.module);
  layer.params = params_of(type, reader);
  reader.refuse_unknown();
  return layer;
}

}  // namespace

std::string to_json(const Architecture& architecture) {
  Json json{{"format", kFormat},
            {"kind", architecture.kind},
            {"genotype", architecture.genotype},
            {"timesteps", architecture.timesteps},
            {"layers", Json::array()},
            {"edges", Json::array()}};
  for (const Layer& layer : architecture.layers) {
    Json item{{"name", layer.name}, {"type", kTypes[layer.params.index()]}};
    if (!layer.module.empty()) item["module"] = layer.module;
    Writer writer{item};
    std::visit([&](const auto& params) { fields(writer, params, &params); }, layer.params);
    json["layers"].push_back(item);
  }
  for (const LayerEdge& edge : architecture.edges) {
    json["edges"].push_back({edge.from, edge.to, edge.backward});
  }
  return json.dump();
}

Architecture architecture_from_json(const std::string& text, const std::string& file) {
  Architecture architecture;
  std::string place = "architecture";
  try {
    const Json json = Json::parse(text);
    Reader reader{json};
    std::string format;
    reader("format", format);
    if (format != kFormat) throw InputError(file, place, "format \"" + format + "\"", kFormat);
    reader("kind", architecture.kind);
    reader("genotype", architecture.genotype);
    reader("timesteps", architecture.timesteps);
    for (const char* list : {"layers", "edges"}) reader.known.insert(list);
    reader.refuse_unknown();
    for (const Json& item : json.at("layers")) {
      place = "architecture, layer " + std::to_string(architecture.layers.size());
      architecture.layers.push_back(layer_of(item));
    }
    for (const Json& item : json.at("edges")) {
      place = "architecture, edge " + std::to_string(architecture.edges.size());
      architecture.edges.push_back(
          {whole<int>(item.at(0), "from"), whole<int>(item.at(1), "to"), item.at(2).get<bool>()});
    }
  } catch (const Json::exception& error) {
    throw InputError(file, place, error.what(), "the architecture of a network");
  } catch (const std::invalid_argument& error) {
    throw InputError(file, place, error.what(), "the architecture of a network");
  }
  try {
    check(architecture);
  } catch (const InputError& error) {
    throw InputError(file, "architecture", error.what(), "a network that can be");
  }
  return architecture;
}

}  // namespace spikeloop::models
