#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The spiking network as plain data: a directed graph of NIR nodes (docs.neuroir.org), as the parts hand it
/// over.
///
/// Shapes exclude batch and time; tensors are row-major ("C order"). A feature map is [C, H, W], a vector
/// [N]. Several edges into a node add up (an edge may occur twice and then counts twice). A backward edge
/// carries the value of the previous timestep (0 at timestep 0).
namespace spikeloop::traces {

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> data;
  std::int64_t size() const;  ///< product of shape
};

/// Integer weights that the chip stores: weight = scale * integer. Same order as the float weight it stands
/// beside.
struct QuantisedWeight {
  int bits = 8;                    ///< 2..8, symmetric: -(2^(bits-1)-1) .. 2^(bits-1)-1
  std::vector<float> scale;        ///< one per output channel, or a single one for the tensor
  std::vector<std::int8_t> value;  ///< as many as weights
};

struct InputParams {
  std::vector<std::int64_t> shape;
};
struct OutputParams {
  std::vector<std::int64_t> shape;
};
/// weight [Co, Ci, Ky, Kx]; bias empty or [Co]. Pairs are (y, x).
struct Conv2dParams {
  Tensor weight;
  Tensor bias;
  std::array<std::int64_t, 2> stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
  std::array<std::int64_t, 2> input_shape{0, 0};  ///< (H, W); 0 = not given, inferred from the edges
  std::optional<QuantisedWeight> quantised;
};
/// weight [out, in]; bias empty (NIR Linear) or [out] (NIR Affine).
struct LinearParams {
  Tensor weight;
  Tensor bias;
  std::optional<QuantisedWeight> quantised;
};
/// tau dv/dt = (v_leak - v) + r * input, forward Euler with step dt:  v += dt/tau * ((v_leak - v) + r * x).
/// Spike when v >= v_threshold (`spike_at_threshold`) or v > v_threshold (NIR's rule), then v = v_reset, or
/// v -= v_threshold (`soft_reset`).
/// Each parameter holds one value, one per channel or one per neuron.
struct LifParams {
  Tensor tau, r, v_leak, v_threshold, v_reset;
  bool spike_at_threshold = true;
  bool soft_reset = false;  ///< v -= v_threshold instead of v = v_reset
};
/// NIR IF: v += r * input. r counts per timestep: frameworks take no dt into account, or write r = 1/dt,
/// which `spikeloop import` turns into 1.
struct IfParams {
  Tensor r, v_threshold, v_reset;
  bool spike_at_threshold = true;
  bool soft_reset = false;  ///< v -= v_threshold instead of v = v_reset
};
/// NIR CubaLIF, two states per neuron, each forward Euler with step dt, the current first:
///   I += dt/tau_syn * (w_in * x - I);  v += dt/tau_mem * ((v_leak - v) + r * I)
/// Spike and reset of v as in LifParams; I stays. snnTorch's Synaptic with its exporter's r and w_in.
struct CubaLifParams {
  Tensor tau_syn, tau_mem, r, v_leak, w_in, v_threshold, v_reset;
  bool spike_at_threshold = true;
  bool soft_reset = false;  ///< v -= v_threshold instead of v = v_reset
};
/// average: sum / (ky*kx), padding counted (as PyTorch's default); otherwise the sum.
struct Pool2dParams {
  bool average = true;
  std::array<std::int64_t, 2> kernel{2, 2}, stride{2, 2}, padding{0, 0};
};
/// Flattens [C, H, W] to [C*H*W] in that order.
struct FlattenParams {
  std::int64_t start_dim = 0, end_dim = -1;
};
/// Elementwise factor. Our exports use scale 1 as an explicit sum node (a node of a cell).
struct ScaleParams {
  Tensor scale;
};
struct ThresholdParams {
  Tensor threshold;
};

using NodeParams = std::variant<InputParams, OutputParams, Conv2dParams, LinearParams, LifParams, IfParams,
                                CubaLifParams, Pool2dParams, FlattenParams, ScaleParams, ThresholdParams>;

struct Node {
  std::string name;
  NodeParams params;
  template <class T>
  const T* as() const {
    return std::get_if<T>(&params);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&params);
  }
  bool spiking() const;      ///< LIF, IF, CubaLIF or Threshold: its output is 1 bit
  const char* type() const;  ///< NIR's name of the type: "Conv2d", "LIF", ...
};

struct Edge {
  int from = 0, to = 0;   ///< indices into Network::nodes
  bool backward = false;  ///< carries the previous timestep's value
};

struct Network {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  double dt_s = 1e-4;    ///< timestep in seconds, against which tau is meant
  int timesteps = 0;     ///< T it was trained with; 0 = unknown
  std::string dataset;   ///< free text, "" = unknown
  std::string genotype;  ///< canonical genotype text, "" = none
  /// How a real input becomes integers, when the first layer is quantised too: integer = round(x /
  /// input_scale).
  float input_scale = 0;  ///< 0 = input not quantised
  int input_bits = 0;     ///< two's complement bits
  /// What it was trained on: "rate": images as random spikes; else how event recordings were cut into frames,
  /// such as "count,binary" (models/data/dataset.h). "" = unknown.
  std::string input_code;

  int find(const std::string& name) const;      ///< index, or -1
  std::vector<int> inputs_of(int node) const;   ///< source nodes in edge order, with repeats
  std::vector<int> outputs_of(int node) const;  ///< target nodes in edge order, with repeats
};

/// Output shape of every node ([C,H,W] or [N]), from the Input's shape through the edges; each producer of a
/// node must agree. Throws InputError naming `file`, the node, found and expected shape.
std::vector<std::vector<std::int64_t>> infer_shapes(const Network& network, const std::string& file);

/// Checks the graph: names unique, one Input, at least one Output, every node reached from the Input,
/// cycles closed by backward edges only, weight and parameter sizes fit the shapes. Throws InputError.
void validate(const Network& network, const std::string& file);

/// For what runs a network: throws InputError for one whose number of timesteps is unknown, as in files of
/// others.
void require_timesteps(const Network& network, const std::string& file);

/// Nodes in an order in which every forward edge goes from earlier to later; ties by index.
std::vector<int> topological_order(const Network& network);

/// Marks the edges that close a cycle as backward: depth-first from the Inputs, successors in index order.
/// For files that do not say which edge of a cycle is the backward one.
void mark_backward_edges(Network& network);

/// SHA-256 over structure, parameters and quantisation (not over names of files, dataset or genotype):
/// what a trace names to say which network it belongs to.
std::string network_hash(const Network& network);

/// Stored weights (convolution and linear, without biases) and their bits as quantised (32 when not).
struct WeightMemory {
  std::int64_t weights = 0;
  std::int64_t bits = 0;
};
WeightMemory weight_memory(const Network& network);

}  // namespace spikeloop::traces
