#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The energy, latency and area script of SpikeSim (Moitra et al., TCAD 2023, arXiv 2210.12899), as released:
/// SNN_train_infer_quantization_ela/ela_spikesim.py, commit c2627bc, MIT licence. Same constants, same
/// quirks, so that figures published with it can be compared on their own terms.
///
/// Symbols: X crossbar side, k kernel side, r = X/8 ADCs of a PE, P PEs per tile, T timesteps; of layer l:
/// C_in, C_out, I and O pixels of its input and output map, n = ceil(C_in/X) ceil(C_out/X) PEs.
///   energy (pJ)   n O T E_pe,  E_pe = 157.12 + 4.64 + 5.096 + 397 + 0.2 r + 16 * 1.15e-6 r
///                 + r (k^2 E_xb + r (2.03084 + 0.094245)),  E_xb = 1.76423 (rram), 671.089 (sram)
///   latency (ns)  26 clocks x T x (sum over all layers but the last of floor(0.75 O C_out), + O C_out of the
///                 last)
///   area (um2)    tiles (13411.41498 r + 484.643999 + 0.7391 * 64 * 128 + P A_pe + 433660)
///                 + 0.7391 * 22 (sum of C_in I + sum over the first five layers of C_out O),
///                 A_pe = k^2 A_xb + r (693.633 + 45.9),  A_xb = 26.2144 (rram), 671.089 (sram)
///
/// Defects of the script, kept here on purpose:
///   1. No spike enters: every figure is that of a dense input.
///   2. Latency counts a PE cycle per output *element*, energy one per output *position*; latency depends
///      neither on X, k, P nor on the device.
///   3. ADC and multiplexer energy grow with r^2, a crossbar's with r although its constant does not depend
///   on
///      X: only X = 64 means what its paper says.
///   4. H-tree, buffers and neurons are charged once per PE cycle whatever P is.
///   5. The sram device's *energy* is the number of its *area* (um2).
///   6. Weights take one column per output: no slicing into cells, no signs, and no ADC bits as input.
///   7. Neuron memory counts the first five layers only.
///   8. The first layer, whose input never changes, is charged T times; its input is taken as spikes.
///   9. No linear layers, no pooling, one kernel size for all layers; layers share tiles.
///  10. Tiles, area and latency need layers in the order of their PEs; latency works for 12 layers at most
///  and
///      never returns when no layer's C_in C_out reaches X^2 (Trouble).
namespace spikeloop::sim::spikesim {

enum class Device { kRram, kSram };

struct Layer {
  std::int64_t in_channels = 0, out_channels = 0;
  std::int64_t in_pixels = 0, out_pixels = 0;
  std::int64_t kernel_positions = 0;  ///< k^2; 0: that of the parameters (the script has one for all)
};

struct Parameters {
  std::int64_t crossbar = 64;  ///< X
  std::int64_t kernel = 3;
  std::int64_t pes_per_tile = 8;
  std::int64_t timesteps = 5;
  double clock_mhz = 250;
  Device device = Device::kRram;
};

/// What the script does instead of giving a result.
enum class Trouble {
  kNone,
  kLayerOrder,  ///< prints "Check layer order" and returns None
  kHang,        ///< its loop over the tiles never gets on
  kIndexError,  ///< more than the 12 layers that its list of overlaps has
};
/// In words, of the function named: "latency_gen never returns: no layer's C_in C_out reaches X^2".
std::string trouble_text(const std::string& function, Trouble trouble);

/// Energy of one PE cycle: a window on the crossbars of one PE, in pJ.
struct PeCycle {
  double h_tree = 0, fetch = 0, neuron = 0, crossbars = 0, adc = 0, mux = 0, subtract = 0, temp_buffer = 0,
         tile_buffer = 0;
  double total() const;
};
PeCycle pe_cycle(const Parameters& setup, std::int64_t kernel_positions);

struct Area {  ///< the script's four figures, um2
  double neuron_memory = 0, pe_array_and_subtract = 0, digital = 0, total = 0;
};

/// All figures are what the formulas give; where the script gives none, its trouble says why.
struct Cost {
  std::vector<double> pes;  ///< per layer
  double num_pes = 0, tiles = 0;
  std::vector<double> energy_pj;  ///< per layer: one image, all timesteps
  double total_energy_pj = 0;
  std::vector<double> latency_ns;  ///< per layer: what it adds to the total
  double total_latency_ns = 0;
  Area area;
  Trouble tile_trouble = Trouble::kNone;  ///< of pe_tile_count; then compute_area cannot run
  Trouble latency_trouble = Trouble::kNone;
};
Cost cost(const std::vector<Layer>& layers, const Parameters& setup);

/// How many of a layer's PE cycles of all timesteps saw a spike.
struct Activity {
  std::int64_t cycles = 0;         ///< windows x blocks of X input channels x timesteps, of one output block
  std::int64_t active_cycles = 0;  ///< of these, with at least one active row
  double row_share = 0;  ///< over active cycles, sum of active rows / rows of the block (k^2 channels)
};

/// The "event" variant: the same constants, charged for what the trace says is there (the idea of
/// SpikingJelly's op_counter/spikesim). Choices, in pJ of a PE cycle:
///   - H-tree, fetch, both buffers, ADCs, multiplexers, subtraction: once per PE cycle with an active row;
///   - crossbars: in proportion to active rows, 1 when all rows that hold weights are active;
///   - neurons: every PE cycle, as membranes leak in every timestep (SpikingJelly: sites that spike).
/// Padding counts as inactive rows, so a fully dense input gives the formula's figure for layers without
/// padding and less otherwise. Latency has no event variant: the formula's has no part that a spike could
/// change.
double event_energy_pj(const Layer& layer, const Parameters& setup, const Activity& activity);

/// A file of the reference cases against the formulas.
struct CaseResult {
  std::string name;
  bool pass = false;
  double worst_relative = 0;         ///< difference
  std::string worst_quantity;        ///< where
  int quantities = 0;                ///< compared
  std::vector<std::string> reasons;  ///< what the script could not do and why; what differs
};
/// Reads `text` of `file`: keys "inputs" (in_ch_list, out_ch_list, in_dim_list, out_dim_list, xbar_size,
/// kernel_size, pe_per_tile, time_steps, clk_freq_MHz, device) and "outputs" (n_tiles, pe_per_layer, n_pe,
/// energy_layerwise_pJ, energy_total_pJ, latency_ns, area_um2 with neuron_mem, pe_array_plus_sub, digital,
/// total; absent or null: the script gave none), "errors" (function -> what it did). Every figure must agree
/// to 1e-12 relative, and every absent one must be one that we know the script cannot give. Throws
/// InputError.
CaseResult check_case(const std::string& text, const std::string& file);

}  // namespace spikeloop::sim::spikesim
