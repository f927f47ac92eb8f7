#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// NIRData, the reference library's format for recorded spikes (HDF5, nir/data_ir): a group
/// /nodes/<node>/observables/ <name>, each with an attribute __type__, of which these are read:
///   TimeGriddedData  data [samples, steps, neurons] bool or number; attribute dt (seconds)
///   EventData        idx [samples, events] (-1: none), time [samples, events] seconds; n_neurons, t_max
/// Beside them, in files made for training, what NIRData has no place for: /labels [samples] and /shape (such
/// as [2, 34, 34], of which the neurons are the elements in C order).
namespace spikeloop::traces {

struct NirData {
  struct Spike {
    double time_s = 0;
    std::int64_t neuron = 0;
  };
  std::int64_t neurons = 0;
  double duration_s = 0;
  std::int64_t steps = 0;  ///< of time-gridded data, else 0
  /// A spike of step k of a simulation is at k dt in files that the reference library's to_event made (2026),
  /// but at (k + 1) dt in those of its later get_event, and no attribute tells.
  bool spike_at_zero = false, spike_at_end = false;
  bool times_end_steps() const { return spike_at_end && !spike_at_zero; }
  std::vector<std::vector<Spike>> samples;  ///< in order of time. Step k of a grid is at (k + 1/2) dt
  std::vector<std::int64_t> labels, shape;  ///< empty when the file has none
};

/// `node`: which one's spikes; "" for "input" or the only one. The observable is "spikes" or the only one.
/// Throws InputError for what is no such file.
NirData read_nir_data(const std::string& path, const std::string& node = "");

}  // namespace spikeloop::traces
