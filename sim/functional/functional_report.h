#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace spikeloop::sim {

/// What the crossbars computed, over all samples, beside what the trace says.
struct FunctionalReport {
  struct Sample {
    std::int64_t index = 0;
    std::int32_t label = 0, trace_prediction = 0, prediction = 0;
  };
  /// A convolution or linear layer. Errors are of single conversions.
  struct Layer {
    std::string name;
    int ideal_adc_bits = 0;  ///< with which no input could lose anything, from the layer's weights
    int seen_adc_bits = 0;   ///< that the largest column sum of these samples needs; 0: not looked at
    int adc_bits = 0;        ///< of its conversions
    double adc_lsb_levels = 1;
    std::int64_t conversions = 0;
    std::int64_t clipped = 0;  ///< beyond the ADC's range
    double rms_error_lsb = 0;
  };
  /// A LIF or IF layer.
  struct Neurons {
    std::string name;
    std::int64_t neurons = 0;  ///< x timesteps x samples
    std::int64_t spikes = 0, trace_spikes = 0;
    std::int64_t flips = 0;  ///< spikes here and none in the trace, or the other way round
  };
  std::string network_sha256, chip_name, chip_sha256;
  int timesteps = 0;
  std::uint64_t seed = 0;
  bool ideal_adc = false;  ///< --ideal-adc-bits
  std::vector<Sample> samples;
  std::vector<Layer> layers;
  std::vector<Neurons> neurons;

  std::int64_t labelled() const;  ///< samples with a label
  std::int64_t correct() const;
  std::int64_t trace_correct() const;  ///< as the trace predicts
  std::int64_t agreeing() const;       ///< samples predicted as in the trace
};

/// The object "functional" of a measurement; accuracies are null where no sample has a label.
nlohmann::ordered_json functional_json(const FunctionalReport& report);

/// A measurement file that holds nothing else: of a functional run without a replay.
std::string functional_file(const FunctionalReport& report);

/// As readable tables.
std::string functional_table(const FunctionalReport& report);

}  // namespace spikeloop::sim
