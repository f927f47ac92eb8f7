#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "traces/network.h"

/// Integer networks. Plain C++, no LibTorch; quantisation-aware training is in train_quantised.h.
///
/// A weight w of a convolution or linear layer becomes q = round(w / scale), ties to even, limited to
/// -(2^(bits-1)-1) .. 2^(bits-1)-1: symmetric, so that a differential pair of columns holds it, and {-1, 0,
/// 1} with 2 bits. The float weight is replaced by scale * q.
///
/// Biases stay float and are no weights: GraphRunner and the chip's node adder alike compute
///   float(integer sum) * scale [* unit of the input's integers] + bias
/// in this order, in fp32. Crossbars hold none of them, and weight memory counts none.
namespace spikeloop::models {

struct Quantisation {
  int weight_bits = 8;  ///< 2 to 8
  bool per_channel = true;
  int input_bits = 8;                     ///< 2 to 8, of a real input (images)
  std::map<std::string, int> layer_bits;  ///< by exported node name; overrides weight_bits
  /// How a scale is chosen: so that the largest weight is the largest integer, or for the least squared error
  /// (which clips the largest weights).
  enum class Scale { kMax, kMse } scale = Scale::kMax;
};

/// What --weight-bits and --qat take: "BITS[:per-tensor|:per-channel][:max|:mse][,LAYER=BITS
/// ...][,input=BITS]", such as "4", "8:per-tensor", "3:mse,stem=8,fc2=6". Throws InputError naming `place`.
Quantisation parse_quantisation(const std::string& text, const std::string& place);
/// The shortest text that parses to it.
std::string to_text(const Quantisation& quantisation);
/// Throws InputError for bits beyond 2 to 8.
void check(const Quantisation& quantisation);

/// The weight layers of `network` that a quantisation may name: bits of each, by node name. Throws InputError
/// for a name in layer_bits that is none of `layers`, with the nearest.
std::map<std::string, int> bits_of_layers(const Quantisation& quantisation,
                                          const std::vector<std::string>& layers);

/// Scale of `count` weights that share one: finite and above 0; 1 where all are 0. Weights that are not
/// finite give a scale of no meaning.
float weight_scale(const float* weights, std::size_t count, int bits, Quantisation::Scale rule);

/// Post-training quantisation of all convolution and linear layers. Throws InputError naming the node for
/// weights that are not finite. A network that is quantised already is rounded a second time.
void quantise_weights(traces::Network& network, const Quantisation& quantisation = {});

struct InputRange {
  int bits = 0;     ///< two's complement
  float scale = 0;  ///< value of integer 1
};
/// Images: `input_bits`, with a scale that covers pixels 0 to 255 of every channel. Spikes of rate coding: 2
/// bits of scale 1. Both of these refuse other `input_bits` than the default. Events: counts, so scale 1, and
/// as many bits as the largest count in up to kCountedSamples samples of the training half (of the test half
/// where that is not loaded) needs, at most 8; what is larger saturates, in LibTorch and on
/// the chip, and GraphRunner counts it.
InputRange input_range(const Dataset& dataset, int input_bits = 8);
inline constexpr std::int64_t kCountedSamples = 2000;

/// Throws InputError for bits that input_range refuses, without reading samples.
void check_input_bits(const Dataset& dataset, int input_bits);
void set_input(traces::Network& network, const InputRange& range);

/// All of it; notes how event recordings were cut into frames where the network does not say.
void quantise(traces::Network& network, const Dataset& dataset, const Quantisation& quantisation = {});

/// What rounding did to a layer.
struct LayerRounding {
  std::string name;
  int bits_before = 32, bits = 32;  ///< 32: float
  bool per_channel = false;
  std::int64_t weights = 0;
  double largest_error = 0;  ///< of a weight, relative to the layer's largest weight
  double sqnr_db = 0;        ///< 10 log10(sum w^2 / sum (w - w')^2); infinite when nothing changed
};
/// `rounded`: `network` after quantise.
std::vector<LayerRounding> compare(const traces::Network& network, const traces::Network& rounded);

}  // namespace spikeloop::models
