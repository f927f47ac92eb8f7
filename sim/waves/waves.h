#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// Waveforms for viewers (GTKWave, Surfer): signals with hierarchical names that change at times. Files are
/// written by SystemC's tracing (VCD), through gtkwave's vcd2fst when the name ends in .fst.
namespace spikeloop::sim {

struct WaveSignal {
  std::string path;  ///< "chip.tile_0_1.core.fetch.busy": every dot but the last opens a scope
  int bits = 1;      ///< 1: a bit; more: an unsigned integer, at most 64
};

struct WaveChange {
  std::int64_t time_ps = 0;
  std::int32_t signal = 0;
  std::uint64_t value = 0;
};

/// Signals that a viewer's save file shows under one title.
struct WaveGroup {
  std::string title;
  std::vector<int> signals;
};

/// Every signal is 0 until its first change.
struct Waves {
  std::vector<WaveSignal> signals;
  std::vector<WaveChange> changes;  ///< by time, within begin_ps to end_ps
  std::vector<WaveGroup> groups;
  std::int64_t begin_ps = 0, end_ps = 0;
  std::int64_t unit_ps = 1;  ///< of the file's times: a power of ten that divides every time
};

/// That a wave file of this name can be written: .vcd, or .fst with vcd2fst installed. Throws InputError
/// naming `place`.
void require_wave_format(const std::string& path, const std::string& place);

/// Writes the file and beside it NAME.gtkw, a GTKWave save file that groups the signals. Both appear under
/// their names when they are complete; the same waves give the same bytes (the date is left blank). Throws
/// InputError when they cannot be written.
void write_waves(const std::string& path, const Waves& waves);

/// Name of the save file beside a wave file: the ending replaced.
std::string save_file_name(const std::string& wave_file);
std::string save_file(const std::string& wave_file, const Waves& waves);

/// A name as one level of a path: letters, digits, '_' and, as they are scopes of their own, dots.
std::string wave_name(const std::string& name);

}  // namespace spikeloop::sim
