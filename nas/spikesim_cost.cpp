#include "nas/spikesim_cost.h"

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;
using sim::spikesim::Layer;

/// A side of cell 1's map.
std::int64_t first_map(const models::SnasnetSpec& spec) {
  return (spec.input_size + spec.stem_stride - 1) / spec.stem_stride / spec.stem_pool;
}

void add_cell(const models::CellMatrix& cell, std::int64_t channels, std::int64_t map,
              std::vector<Layer>& layers) {
  for (const auto& row : cell) {
    for (const CellOp& edge : row) {
      for (const Op op : models::operations(edge)) {
        if (!models::is_convolution(op)) continue;
        layers.push_back({channels, channels, map * map, map * map, op == Op::kConv3x3 ? 9 : 1});
      }
    }
  }
}

}  // namespace

std::vector<Layer> convolutions_of(const models::SnasnetSpec& spec) {
  const std::int64_t stem_map = (spec.input_size + spec.stem_stride - 1) / spec.stem_stride;
  const std::int64_t map = first_map(spec), wide = 2 * spec.channels;
  std::vector<Layer> layers{
      {spec.input_channels, spec.channels, spec.input_size * spec.input_size, stem_map * stem_map, 9}};
  add_cell(spec.cell1, spec.channels, map, layers);
  // At full resolution: the pooling comes after it.
  layers.push_back({spec.channels, wide, map * map, map * map, 9});
  add_cell(spec.cell2, wide, map / 2, layers);
  return layers;
}

Costs spikesim_costs(const models::SnasnetSpec& spec) {
  sim::spikesim::Parameters setup;  // 64 x 64, 8 PEs, 250 MHz
  setup.timesteps = spec.timesteps;
  const sim::spikesim::Cost cost = sim::spikesim::cost(convolutions_of(spec), setup);
  Costs costs;
  costs.memory_bytes = static_cast<double>(network_size(spec).conv_weights);
  costs.area_um2 = cost.area.total;
  costs.latency_ns = cost.total_latency_ns;
  costs.energy_pj = cost.total_energy_pj;
  return costs;
}

NetworkSize network_size(const models::SnasnetSpec& spec) {
  const std::int64_t wide = 2 * spec.channels;
  NetworkSize size;
  for (const Layer& layer : convolutions_of(spec)) {
    size.conv_weights += layer.in_channels * layer.out_channels * layer.kernel_positions;
    size.parameters += 2 * layer.out_channels;  // the BatchNorm behind it
  }
  size.parameters += 2 * spec.channels + 2 * wide;  // in front of the reduction and of the classifier
  const std::int64_t last_map = first_map(spec) / 2 / spec.second_pool;
  const std::int64_t features = wide * last_map * last_map, outputs = spec.classes * spec.votes;
  size.parameters += spec.hidden > 0 ? features * spec.hidden + spec.hidden * outputs : features * outputs;
  size.parameters += outputs + size.conv_weights;
  return size;
}

}  // namespace spikeloop::nas
