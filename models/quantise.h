#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "traces/network.h"

namespace spikeloop::models {

struct Quantisation {
  int weight_bits = 8;  ///< 2 to 8
  bool per_channel = true;
  int input_bits = 8;                     ///< of a real input (images)
  std::map<std::string, int> layer_bits;  ///< by exported node name; overrides weight_bits
  /// How the scale is chosen: the largest weight, or the scale of least squared error.
  enum class Scale { kMax, kMse } scale = Scale::kMax;
};
/// "4", "8:per-tensor", "4,stem=8,fc2=6": what --weight-bits takes. Throws InputError naming `place`.
Quantisation parse_quantisation(const std::string& text, const std::string& place);

/// Post-training: weights become integers times scale (symmetric), floats are replaced by the de-quantised ones.
/// The input gets input_bits with a scale that covers the dataset's range; event counts keep scale 1.
void quantise(traces::Network& network, const Dataset& dataset, const Quantisation& quantisation = {});

/// Quantisation-aware training: the net computes with weights rounded as `quantise` will round the exported ones
/// (BatchNorm's factor included), gradients straight through. Sets net->weight_transform.
void train_quantised(GraphNet& net, const Quantisation& quantisation);

}  // namespace spikeloop::models
