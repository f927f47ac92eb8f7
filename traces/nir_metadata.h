#pragma once
#include <cstdint>

/// Names of what we add to NIR files under `metadata`, flat, as the reference library reads it back.
namespace spikeloop::traces::meta {

// /node/metadata
inline constexpr const char* kVersionKey = "spikeloop";  ///< its presence says that the rest is ours
inline constexpr std::int64_t kVersion = 1;
inline constexpr const char* kDt = "dt";  ///< seconds; read from other programs' files too
inline constexpr const char* kTimesteps = "timesteps";
inline constexpr const char* kDataset = "dataset";
inline constexpr const char* kGenotype = "genotype";
inline constexpr const char* kInputScale = "input_scale";
inline constexpr const char* kInputBits = "input_bits";
inline constexpr const char* kInputCode = "input_code";
inline constexpr const char* kBackwardEdges = "backward_edges";  ///< (B, 2) names, one row per backward edge
inline constexpr const char* kNodeOrder = "node_order";          ///< HDF5 lists groups by name

// /node/nodes/<name>/metadata
inline constexpr const char* kSpikeAtThreshold = "spike_at_threshold";  ///< 1: v >= v_threshold fires
inline constexpr const char* kSoftReset = "soft_reset";                 ///< 1: v -= v_threshold
inline constexpr const char* kQuantisedBits = "quantised_bits";
inline constexpr const char* kQuantisedScale = "quantised_scale";
inline constexpr const char* kQuantisedValues = "quantised_values";
inline constexpr const char* kNoBias = "no_bias";  ///< 1: the zeros in bias stand for none
inline constexpr const char* kGroups = "groups";   ///< before the weight was written without groups
inline constexpr const char* kNoInputShape = "no_input_shape";  ///< 1: input_shape was inferred
inline constexpr const char* kShapeSuffix = "_shape";  ///< tau_shape, ...: before it was written in full

}  // namespace spikeloop::traces::meta
