#include "models/quantise.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

int largest_integer(int bits) { return (1 << (bits - 1)) - 1; }

float rounded(float weight, float scale, float largest) {
  return std::clamp(std::nearbyint(weight / scale), -largest, largest);
}

/// Above 0, also where a quotient underflows, and not so large that the largest integer overflows with it.
float usable(double scale, float largest) {
  return std::clamp(static_cast<float>(scale), FLT_MIN, std::nextafter(FLT_MAX / largest, 0.0F));
}

/// What a scale makes of weights: its squared error, and the sums from which the best scale for the same
/// integers follows.
struct Fit {
  double error = 0, weight_integer = 0, integer_squared = 0;
};

Fit fit_of(const float* weights, std::size_t count, float scale, float largest) {
  Fit fit;
  for (std::size_t i = 0; i < count; ++i) {
    const double w = weights[i], q = rounded(weights[i], scale, largest);
    const double difference = w - static_cast<double>(scale) * q;
    fit.error += difference * difference;
    fit.weight_integer += w * q;
    fit.integer_squared += q * q;
  }
  return fit;
}

/// The squared error has many local minima in the scale: the best of a grid, and from there in turns the best
/// scale for the integers and the best integers for the scale.
float least_squares_scale(const float* weights, std::size_t count, float most, float largest) {
  constexpr int kGrid = 50, kTurns = 10;
  float best = most;
  Fit best_fit = fit_of(weights, count, most, largest);
  for (int k = 1; k < kGrid; ++k) {
    const float scale = usable(static_cast<double>(most) * k / kGrid, largest);
    const Fit fit = fit_of(weights, count, scale, largest);
    if (fit.error < best_fit.error) {
      best = scale;
      best_fit = fit;
    }
  }
  for (int turn = 0; turn < kTurns && best_fit.integer_squared > 0; ++turn) {
    const float scale = usable(best_fit.weight_integer / best_fit.integer_squared, largest);
    const Fit fit = fit_of(weights, count, scale, largest);
    if (!(fit.error < best_fit.error)) break;
    best = scale;
    best_fit = fit;
  }
  return best;
}

traces::Tensor* weight_of(traces::Node& node, std::optional<traces::QuantisedWeight>*& quantised) {
  if (auto* conv = node.as<traces::Conv2dParams>()) {
    quantised = &conv->quantised;
    return &conv->weight;
  }
  if (auto* linear = node.as<traces::LinearParams>()) {
    quantised = &linear->quantised;
    return &linear->weight;
  }
  return nullptr;
}

const traces::Tensor* weight_of(const traces::Node& node, const traces::QuantisedWeight*& quantised) {
  if (const auto* conv = node.as<traces::Conv2dParams>()) {
    quantised = conv->quantised ? &*conv->quantised : nullptr;
    return &conv->weight;
  }
  if (const auto* linear = node.as<traces::LinearParams>()) {
    quantised = linear->quantised ? &*linear->quantised : nullptr;
    return &linear->weight;
  }
  return nullptr;
}

void check_finite(const traces::Node& node, const traces::Tensor& weight) {
  for (std::size_t i = 0; i < weight.data.size(); ++i) {
    if (std::isfinite(weight.data[i])) continue;
    throw InputError(
        "network", "node '" + node.name + "' (" + node.type() + ")",
        (std::isnan(weight.data[i]) ? "NaN" : "inf") + (" in weight at element " + std::to_string(i)),
        "finite weights to quantise");
  }
}

traces::QuantisedWeight quantise_weight(traces::Tensor& weight, int bits, const Quantisation& how) {
  traces::QuantisedWeight out;
  out.bits = bits;
  const std::size_t groups = how.per_channel ? static_cast<std::size_t>(weight.shape.at(0)) : 1;
  const std::size_t count = weight.data.size() / groups;
  const auto largest = static_cast<float>(largest_integer(bits));
  out.value.reserve(weight.data.size());
  for (std::size_t g = 0; g < groups; ++g) {
    float* values = weight.data.data() + g * count;
    const float scale = weight_scale(values, count, bits, how.scale);
    out.scale.push_back(scale);
    for (std::size_t i = 0; i < count; ++i) {
      const auto integer = static_cast<std::int8_t>(rounded(values[i], scale, largest));
      out.value.push_back(integer);
      values[i] = scale * static_cast<float>(integer);  // of the integer, which has no negative zero
    }
  }
  return out;
}

void check_bits(int bits, const std::string& place) {
  if (bits < 2 || bits > 8) throw InputError("quantisation", place, std::to_string(bits) + " bits", "2 to 8");
}

int parse_bits(const std::string& text, const std::string& place, const std::string& of) {
  if (text.size() == 1 && text[0] >= '2' && text[0] <= '8') return text[0] - '0';
  throw InputError("command line", place, '"' + text + "\" as bits of " + of, "2 to 8");
}

/// "4:per-tensor:mse"
void parse_general(const std::string& text, const std::string& place, Quantisation& out) {
  const std::vector<std::string> words{"per-tensor", "per-channel", "max", "mse"};
  std::size_t end = std::min(text.find(':'), text.size());
  out.weight_bits = parse_bits(text.substr(0, end), place, "the weights");
  bool group_given = false, scale_given = false;
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(text.find(':', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const auto at = std::find(words.begin(), words.end(), word) - words.begin();
    if (at == 4) {
      const std::string nearest = nearest_word(word, words);
      throw InputError("command line", place, '"' + word + "\" in \"" + text + '"',
                       nearest.empty() ? "per-tensor, per-channel, max or mse" : nearest);
    }
    bool& given = at < 2 ? group_given : scale_given;
    if (given) {
      throw InputError("command line", place, '"' + text + '"',
                       at < 2 ? "per-tensor or per-channel once" : "max or mse once");
    }
    given = true;
    if (at < 2) {
      out.per_channel = word == "per-channel";
    } else {
      out.scale = word == "mse" ? Quantisation::Scale::kMse : Quantisation::Scale::kMax;
    }
  }
}

int largest_count(const Dataset& dataset, int enough) {
  const auto& set = dataset.train != nullptr && dataset.train->size() > 0 ? dataset.train : dataset.test;
  if (set == nullptr) return enough;
  const std::int64_t samples = std::min(set->size(), kCountedSamples);
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(dataset.sample_bytes()));
  int largest = 0;
  for (std::int64_t n = 0; n < samples && largest < enough; ++n) {
    set->read(n * set->size() / samples, sample.data());  // all over the set: it may be in order of classes
    largest = std::max<int>(largest, *std::max_element(sample.begin(), sample.end()));
  }
  return largest;
}

}  // namespace

Quantisation parse_quantisation(const std::string& text, const std::string& place) {
  Quantisation out;
  bool first = true, input_given = false;
  for (std::size_t begin = 0; begin <= text.size(); first = false) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = item.rfind('=');
    if (equals == std::string::npos) {
      if (!first)
        throw InputError("command line", place, '"' + item + '"', "LAYER=BITS after the first comma");
      parse_general(item, place, out);
      continue;
    }
    const std::string name = item.substr(0, equals);
    if (name.empty()) throw InputError("command line", place, '"' + item + '"', "LAYER=BITS");
    const int bits = parse_bits(item.substr(equals + 1), place, name);
    const bool again = name == "input" ? input_given : !out.layer_bits.emplace(name, bits).second;
    if (again) throw InputError("command line", place, name + " twice", "each layer once");
    if (name == "input") {
      input_given = true;
      out.input_bits = bits;
    }
  }
  return out;
}

std::string to_text(const Quantisation& quantisation) {
  std::string text = std::to_string(quantisation.weight_bits);
  if (!quantisation.per_channel) text += ":per-tensor";
  if (quantisation.scale == Quantisation::Scale::kMse) text += ":mse";
  for (const auto& [name, bits] : quantisation.layer_bits) text += ',' + name + '=' + std::to_string(bits);
  if (quantisation.input_bits != 8) text += ",input=" + std::to_string(quantisation.input_bits);
  return text;
}

void check(const Quantisation& quantisation) {
  check_bits(quantisation.weight_bits, "weight bits");
  check_bits(quantisation.input_bits, "input bits");
  for (const auto& [name, bits] : quantisation.layer_bits) check_bits(bits, "layer " + name);
}

std::map<std::string, int> bits_of_layers(const Quantisation& quantisation,
                                          const std::vector<std::string>& layers) {
  check(quantisation);
  std::map<std::string, int> bits;
  for (const auto& layer : layers) bits[layer] = quantisation.weight_bits;
  for (const auto& [name, own] : quantisation.layer_bits) {
    const auto found = bits.find(name);
    if (found == bits.end()) {
      std::string expected = nearest_word(name, layers);
      if (expected.empty()) {
        for (const auto& layer : layers) expected += (expected.empty() ? "" : ", ") + layer;
      }
      throw InputError("quantisation", "layer " + name, "no convolution or linear layer of this name",
                       expected.empty() ? "a network that has such layers" : expected);
    }
    found->second = own;
  }
  return bits;
}

float weight_scale(const float* weights, std::size_t count, int bits, Quantisation::Scale rule) {
  float peak = 0;
  for (std::size_t i = 0; i < count; ++i) peak = std::max(peak, std::abs(weights[i]));
  if (!(peak > 0)) return 1;
  const auto largest = static_cast<float>(largest_integer(bits));
  const float most = usable(peak / largest, largest);
  return rule == Quantisation::Scale::kMax ? most : least_squares_scale(weights, count, most, largest);
}

void quantise_weights(traces::Network& network, const Quantisation& quantisation) {
  std::vector<std::string> layers;
  std::optional<traces::QuantisedWeight>* quantised = nullptr;
  for (auto& node : network.nodes) {
    const traces::Tensor* weight = weight_of(node, quantised);
    if (weight == nullptr) continue;
    check_finite(node, *weight);
    layers.push_back(node.name);
  }
  const auto bits = bits_of_layers(quantisation, layers);
  for (auto& node : network.nodes) {
    if (traces::Tensor* weight = weight_of(node, quantised))
      *quantised = quantise_weight(*weight, bits.at(node.name), quantisation);
  }
}

void check_input_bits(const Dataset& dataset, int input_bits) {
  check_bits(input_bits, "input bits");
  if (dataset.framed() && input_bits != Quantisation{}.input_bits)
    throw InputError(
        "quantisation", "input", std::to_string(input_bits) + " bits",
        "none for " + dataset.name + ": its input is whole numbers already, as wide as they are");
}

InputRange input_range(const Dataset& dataset, int input_bits) {
  check_input_bits(dataset, input_bits);
  if (dataset.rate_steps > 0) return {2, 1.0F};  // the fewest bits; a spike is 1
  if (dataset.events) {
    const int largest = largest_count(dataset, largest_integer(8));
    int bits = 2;
    while (bits < 8 && largest_integer(bits) < largest) ++bits;
    return {bits, 1.0F};
  }
  double peak = 0;
  for (std::size_t c = 0; c < dataset.mean.size(); ++c) {
    for (const double pixel : {0.0, 1.0})
      peak = std::max(peak, std::abs((pixel - dataset.mean[c]) / dataset.std.at(c)));
  }
  return {input_bits, static_cast<float>(peak / largest_integer(input_bits))};
}

void quantise(traces::Network& network, const Dataset& dataset, const Quantisation& quantisation) {
  const InputRange range = input_range(dataset, quantisation.input_bits);
  quantise_weights(network, quantisation);
  set_input(network, range);
  // How the samples were cut that decided about the input; a code of images (rate) stays.
  if (dataset.events) network.input_code = to_text(dataset.framing);
}

void set_input(traces::Network& network, const InputRange& range) {
  network.input_bits = range.bits;
  network.input_scale = range.scale;
}

std::vector<LayerRounding> compare(const traces::Network& network, const traces::Network& rounded) {
  std::vector<LayerRounding> layers;
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const traces::QuantisedWeight *before_q = nullptr, *q = nullptr;
    const traces::Tensor* before = weight_of(network.nodes[n], before_q);
    if (before == nullptr) continue;
    const traces::Tensor* after = weight_of(rounded.nodes.at(n), q);
    LayerRounding layer;
    layer.name = network.nodes[n].name;
    layer.weights = before->size();
    if (before_q != nullptr) layer.bits_before = before_q->bits;
    if (q != nullptr) {
      layer.bits = q->bits;
      layer.per_channel = q->scale.size() > 1;
    }
    double peak = 0, largest = 0, signal = 0, noise = 0;
    for (std::size_t i = 0; i < before->data.size(); ++i) {
      const double w = before->data[i], error = w - static_cast<double>(after->data.at(i));
      peak = std::max(peak, std::abs(w));
      largest = std::max(largest, std::abs(error));
      signal += w * w;
      noise += error * error;
    }
    layer.largest_error = peak > 0 ? largest / peak : 0;
    layer.sqnr_db = noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
    layers.push_back(layer);
  }
  return layers;
}

}  // namespace spikeloop::models
