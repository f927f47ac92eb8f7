#pragma once
#include <optional>
#include <string>
#include <vector>

#include "traces/network.h"
#include "traces/nir.h"

/// Networks of other frameworks: what NIR leaves open is decided here, and told.
namespace spikeloop::traces {

struct ImportOptions {
  double dt_s = 0;                 ///< 0: as the file's metadata or parameters show, else 1e-4
  std::optional<bool> soft_reset;  ///< of all neurons; nothing: as the file says, hard
  /// Of leaky neurons. Exponential: v goes 1 - exp(-dt/tau) of the way instead of dt/tau; written as the tau
  /// with which forward Euler does the same. Nothing: forward, or exponential where tau counts timesteps.
  enum class Euler { kForward, kExponential };
  std::optional<Euler> euler;
  std::optional<bool> spike_at_threshold;  ///< nothing: as the file says, NIR's v > v_threshold
  int timesteps = 0;                       ///< 0: as the file says
  int input_bits = 0;                      ///< above 0: the input is integers (event counts) of so many bits
};

/// A network as read, and what was decided on the way.
struct ImportedNetwork {
  Network network;
  NirFindings findings;
  std::vector<std::string> decisions;  ///< dt, Euler, reset, firing: one line each
  std::vector<std::string> warnings;   ///< what may make the network behave as nobody trained it
};

/// Reads any NIR file and makes it a network in our terms: dt known, IF's input counted once per timestep.
/// Conventions it tells apart by tau and r, with the dt that follows:
///   r = tau/dt (LIF), r = tau_mem/dt and w_in = tau_syn/dt (CubaLIF): snnTorch; LIF also SpikingJelly with
///   decay_input=False. r = 1/dt (IF): SpikingJelly. tau >= 1 with r = 1: counted in timesteps, sinabs (dt =
///   1). r = 1: tau in seconds, dt unknown (Norse, Rockpool, SpikingJelly with decay_input=True).
/// Throws InputError for what read_nir refuses, and for dt/tau above 1 with forward Euler.
ImportedNetwork import_nir(const std::string& path, const ImportOptions& options);

/// Nodes with shapes and parameters, decisions, what was taken for granted, what each layer's crossbars read,
/// warnings; ready to print.
std::string import_report(const ImportedNetwork& imported, const std::string& path);

}  // namespace spikeloop::traces
