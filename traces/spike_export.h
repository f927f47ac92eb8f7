#pragma once
#include <string>

#include "traces/spike_trace.h"

/// A trace's spikes for other tools.
namespace spikeloop::traces {

/// Writes through a temporary name; what the file's ending says:
///   .h5, .hdf5  NIRData of the reference library: /nodes/<name>/observables/spikes, EventData; a spike of
///               timestep t at (t + 1/2) dt_s, so that to_time_gridded(dt) gives step t in spite of rounding;
///               neurons numbered in [C, H, W] order. Beside it /labels.
///   .csv        as SANA-FE writes: "neuron,timestep" with neurons <name>.<number>, timesteps from 0; one
///               sample only.
/// Throws InputError as check_export does, and when the file cannot be written.
void export_spikes(const std::string& path, const SpikeTrace& trace, double dt_s);

/// Before anything is computed: throws InputError for another ending and for a CSV of several samples.
void check_export(const std::string& path, std::size_t samples);

}  // namespace spikeloop::traces
