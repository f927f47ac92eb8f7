#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/data/dataset.h"

/// Input spikes from one file, for a network that needs no data set.
namespace spikeloop::models {

/// What a network wants of it.
struct GivenInputShape {
  std::vector<std::int64_t> input;  ///< [C, H, W] or [N]
  std::int64_t timesteps = 0, classes = 0;
  double dt_s = 0;        ///< of a timestep
  bool dt_asked = false;  ///< by the user: refused for a file that has timesteps of its own
};

/// The samples of a file as the test half of a data set, counts per timestep and neuron:
///   .h5, .hdf5  NIRData with as many neurons as the input has elements, numbered in C order. Step k of a
///               grid is timestep k, whatever dt; an event at k dt is in timestep k, or in k - 1 where times
///               end steps (traces/nir_data.h).
///   .npz        "frames" [T, C, H, W] as SpikingJelly writes them, one sample.
///   .csv        one sample of events, lines "t,x,y,p": microseconds, pixel, polarity 0 or 1 = channel; one
///               header line may come first. An event is in timestep floor(t / dt).
///   .aedat      AEDAT 2.0 of a DAVIS240, one sample of [2, 180, 240]; timesteps count from its first event.
/// What comes after the last timestep is left out; more than 255 spikes of a neuron in a timestep saturate.
/// Labels: as the file says, -1 without. Throws InputError for another ending and for whatever does not fit.
Dataset open_given_input(const std::string& path, const GivenInputShape& shape);

}  // namespace spikeloop::models
