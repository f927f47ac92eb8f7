#include "models/train_quantised.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/fold.h"
#include "models/graph_plan.h"
#include "models/input_code.h"

namespace spikeloop::models {
namespace {

/// Scales by the plain function, which the exported network's are from too.
at::Tensor scales_of(const at::Tensor& weight, int bits, const Quantisation& how) {
  const at::Tensor plain = weight.to(at::kCPU, at::kFloat).contiguous();
  const std::int64_t groups = how.per_channel ? plain.size(0) : 1;
  const std::int64_t count = plain.numel() / groups;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(plain.dim()), 1);
  shape[0] = groups;
  at::Tensor scales = at::empty(shape, at::kFloat);
  for (std::int64_t g = 0; g < groups; ++g) {
    scales.data_ptr<float>()[g] =
        weight_scale(plain.data_ptr<float>() + g * count, static_cast<std::size_t>(count), bits, how.scale);
  }
  return scales.to(weight.device());
}

/// The value of `forward`, the gradient of weight * passes.
at::Tensor straight_through(const at::Tensor& weight, const at::Tensor& forward, const at::Tensor& passes) {
  const at::Tensor carrier = weight * passes;
  return carrier - carrier.detach() + forward;  // 0 + forward: exact
}

at::Tensor transformed(const GraphNetImpl& net, std::size_t layer, const Folds& folds, int bits,
                       const Quantisation& how) {
  const at::Tensor& weight = net.parameters_of(layer).weight;
  at::Tensor value, passes;
  {
    const at::NoGradGuard no_grad;
    const RoundedWeight rounded = round_weight(exported_weight(net, layer, folds), bits, how);
    value = rounded.value;
    passes = rounded.passes;
    if (folds.affine >= 0) {
      // What is folded in will multiply again. Where that is 0 the weight does not matter.
      std::vector<std::int64_t> shape(static_cast<std::size_t>(weight.dim()), 1);
      shape[0] = weight.size(0);
      const at::Tensor factor =
          scale_offset_of(net.parameters_of(static_cast<std::size_t>(folds.affine))).scale.view(shape);
      const at::Tensor before = (value.to(at::kDouble) / factor).to(at::kFloat);
      value = at::where(factor.eq(0), weight.detach().cpu(), before);
    }
    if (folds.vote >= 0) {
      // All voters of a class with the weight of their mean give the mean that the exported layer gives.
      const std::int64_t votes = weight.size(0) / value.size(0);
      value = value.repeat_interleave(votes, 0);
      passes = passes.repeat_interleave(votes, 0);
    }
    value = value.to(weight.device());
    passes = passes.to(weight.device());
  }
  return straight_through(weight, value, passes);
}

bool rate_coded(const Architecture& architecture) {
  for (const Layer& layer : architecture.layers) {
    if (const auto* input = layer.as<layer::Input>()) return input->code == layer::InputCode::kRate;
  }
  return false;
}

}  // namespace

RoundedWeight round_weight(const at::Tensor& weight, int bits, const Quantisation& how) {
  const double largest = (1 << (bits - 1)) - 1;
  const at::Tensor scale = scales_of(weight, bits, how);
  const at::Tensor steps = weight / scale;
  return {steps.round().clamp(-largest, largest) * scale, steps.abs().le(largest + 0.5).to(at::kFloat)};
}

std::vector<int> bits_by_layer(const Architecture& architecture, const Quantisation& quantisation) {
  const std::vector<bool> used = reaching_output(architecture);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < used.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const bool weights = layer.as<layer::Conv>() != nullptr || layer.as<layer::Linear>() != nullptr;
    if (used[i] && weights) names.push_back(layer.name);
  }
  const auto by_name = bits_of_layers(quantisation, names);
  std::vector<int> bits(used.size(), quantisation.weight_bits);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const auto found = by_name.find(architecture.layers[i].name);
    if (found != by_name.end()) bits[i] = found->second;
  }
  return bits;
}

void train_quantised(GraphNet& net, const Dataset& dataset, const Quantisation& quantisation) {
  const Architecture& architecture = net->architecture();
  const std::vector<int> bits = bits_by_layer(architecture, quantisation);
  const std::vector<Folds> folds = folds_of(architecture);
  net->weight_transform = [bits, folds, quantisation](const GraphNetImpl& self, std::size_t layer) {
    return transformed(self, layer, folds.at(layer), bits.at(layer), quantisation);
  };
  net->input_transform = nullptr;
  if (rate_coded(architecture)) return;  // spikes are integers
  const InputRange range = input_range(dataset, quantisation.input_bits);
  net->input_transform = [range](const at::Tensor& input) {
    return encode_input(input, range.scale, range.bits) * range.scale;
  };
}

void train_floats(GraphNet& net) {
  net->weight_transform = nullptr;
  net->input_transform = nullptr;
}

}  // namespace spikeloop::models
