#include "sim/waves/waves.h"

#include <sysc/tracing/sc_tracing_ids.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <systemc>

#include "sim/engine/fresh_kernel.h"
#include "sim/waves/vcd2fst.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::sim {
namespace {

namespace fs = std::filesystem;

bool ends_in(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

constexpr std::uint64_t kTicksPerPs = 1000;  ///< the kernel counts femtoseconds

/// Holds the traced variables and sets them when their time comes.
class Player : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Player);
  Player(const sc_core::sc_module_name& name, const Waves& waves)
      : sc_module(name), waves_(waves), slot_(waves.signals.size()) {
    std::size_t bits = 0;
    std::size_t integers = 0;
    for (std::size_t i = 0; i < slot_.size(); ++i)
      slot_[i] = waves.signals[i].bits == 1 ? bits++ : integers++;
    bits_ = std::make_unique<bool[]>(bits);
    integers_ = std::make_unique<sc_dt::uint64[]>(integers);
    SC_METHOD(step);
    sensitive << wake_;
  }

  void trace(sc_core::sc_trace_file* file) {
    for (std::size_t i = 0; i < slot_.size(); ++i) {
      const auto& signal = waves_.signals[i];
      if (signal.bits == 1) {
        sc_core::sc_trace(file, bits_[slot_[i]], signal.path);
      } else {
        sc_core::sc_trace(file, integers_[slot_[i]], signal.path, signal.bits);
      }
    }
  }

 private:
  /// The kernel compares every traced variable with its last value at the end of this time.
  void step() {
    const auto now = static_cast<std::int64_t>(sc_core::sc_time_stamp().value() / kTicksPerPs);
    for (; next_ < waves_.changes.size() && waves_.changes[next_].time_ps <= now; ++next_) {
      const auto& change = waves_.changes[next_];
      const auto signal = static_cast<std::size_t>(change.signal);
      if (waves_.signals[signal].bits == 1) {
        bits_[slot_[signal]] = change.value != 0;
      } else {
        integers_[slot_[signal]] = change.value;
      }
    }
    const std::int64_t next = next_ < waves_.changes.size() ? waves_.changes[next_].time_ps : waves_.end_ps;
    if (next > now) {
      wake_.notify(sc_core::sc_time::from_value(static_cast<std::uint64_t>(next - now) * kTicksPerPs));
    } else if (!finished_) {  // a time is written when the next one comes; this one is no ps later
      finished_ = true;
      wake_.notify(sc_core::sc_time::from_value(1));
    }
  }

  const Waves& waves_;
  std::vector<std::size_t> slot_;  ///< per signal: where its variable is
  std::unique_ptr<bool[]> bits_;
  std::unique_ptr<sc_dt::uint64[]> integers_;
  std::size_t next_ = 0;
  bool finished_ = false;
  sc_core::sc_event wake_{"wake"};
};

/// Writes NAME.vcd. `opened` is called once it is open. A file made at time 0 gives every signal as 0 before
/// the window: SystemC would dump values of a later start without their time.
template <class Opened>
void play(const std::string& name, const Waves& waves, const Opened& opened) {
  const FreshKernel kernel;
  sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  Player player("player", waves);
  const auto quiet =
      sc_core::sc_report_handler::set_actions(sc_core::SC_ID_TRACING_TIMESCALE_UNIT_, sc_core::SC_DO_NOTHING);
  auto* file = sc_core::sc_create_vcd_trace_file(name.c_str());
  file->set_time_unit(static_cast<double>(waves.unit_ps), sc_core::SC_PS);
  sc_core::sc_report_handler::set_actions(sc_core::SC_ID_TRACING_TIMESCALE_UNIT_, quiet);
  file->write_comment("spikeloop");  // the first write opens the file; else the first time step would
  opened();
  player.trace(file);
  sc_core::sc_start();
  sc_core::sc_close_vcd_trace_file(file);
}

/// Covers what the file says about the time of its making.
void blank_date(const std::string& path, std::streamoff from, std::streamoff length, char blank) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(from);
  file << std::string(static_cast<std::size_t>(length), blank);
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

/// "$date\n     Nov 21, 2026       09:44:58\n$end"
void blank_vcd_date(const std::string& path) {
  std::string head(256, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), 256);
  const auto date = head.find("$date\n");
  if (date == std::string::npos) return;
  const auto begin = date + 6;
  const auto end = std::min(head.find('\n', begin), head.size());
  blank_date(path, static_cast<std::streamoff>(begin), static_cast<std::streamoff>(end - begin), ' ');
}

/// SystemC does not look at what its writes return; a complete file ends with the last time.
void require_complete(const std::string& vcd, const std::string& path, const Waves& waves) {
  const std::string last = "#" + std::to_string(waves.end_ps / waves.unit_ps);
  std::ifstream file(vcd, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(file.tellg());
  const auto length = std::min<std::streamoff>(size, 64);
  std::string tail(static_cast<std::size_t>(length), '\0');
  file.seekg(size - length);
  file.read(tail.data(), length);
  tail.erase(tail.find_last_not_of('\n') + 1);
  if (tail.size() < last.size() || tail.compare(tail.size() - last.size(), last.size(), last) != 0) {
    throw InputError(path, "write", "an incomplete file",
                     "room for more than " + std::to_string(size) + " bytes");
  }
}

/// The header block of an FST file (type 0, length 329): the last time is 8 bytes at offset 17, highest
/// first; the date is 119 bytes at offset 202.
void finish_fst(const std::string& path, const Waves& waves) {
  std::string head(25, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), 25);
  std::uint64_t end = 0;
  for (std::size_t i = 17; i < 25; ++i) end = end << 8U | static_cast<unsigned char>(head[i]);
  if (head.compare(0, 9, std::string("\0\0\0\0\0\0\0\x01\x49", 9)) != 0 ||
      end != static_cast<std::uint64_t>(waves.end_ps / waves.unit_ps)) {
    throw std::runtime_error("vcd2fst wrote no FST file up to time " +
                             std::to_string(waves.end_ps / waves.unit_ps));
  }
  blank_date(path, 202, 119, '\0');
}

}  // namespace

void require_wave_format(const std::string& path, const std::string& place) {
  if (ends_in(path, ".vcd")) return;
  if (!ends_in(path, ".fst"))
    throw InputError("command line", place, '"' + path + '"', "a name in .vcd or .fst");
  if (!Vcd2fst::installed()) {
    throw InputError("command line", place, "no program vcd2fst to write " + path,
                     "Debian's package gtkwave, or a name in .vcd");
  }
}

void write_waves(const std::string& path, const Waves& waves) {
  write_atomically(path, [&](const std::string& temporary) {
    if (ends_in(path, ".fst")) {
      Vcd2fst converter(temporary);
      play(converter.pipe_name(), waves, [&] { converter.writer_is_open(); });
      converter.finish();
      finish_fst(temporary, waves);
      return;
    }
    const std::string vcd = temporary + ".vcd";  // SystemC appends the ending
    try {
      play(temporary, waves, [] {});
      blank_vcd_date(vcd);
      require_complete(vcd, path, waves);
      fs::rename(vcd, temporary);
    } catch (...) {
      std::error_code ignored;
      fs::remove(vcd, ignored);
      throw;
    }
  });
  write_file(save_file_name(path), save_file(path, waves));
}

std::string wave_name(const std::string& name) {
  std::string result = name;
  for (char& c : result) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.') c = '_';
  }
  return result;
}

std::string save_file_name(const std::string& wave_file) {
  return fs::path(wave_file).replace_extension(".gtkw").string();
}

/// GTKWave's save file: "@28" shows bits, "@24" decimals, "@200" a comment, "@800200" and "@1000200" begin
/// and end a group.
std::string save_file(const std::string& wave_file, const Waves& waves) {
  const std::string root = "SystemC.";  // the scope that SystemC puts around every file
  std::string text = "[dumpfile] \"" + fs::path(wave_file).filename().string() + "\"\n[timestart] " +
                     std::to_string(waves.begin_ps / waves.unit_ps) + "\n";
  for (const auto& group : waves.groups) {
    text += "@800200\n-" + group.title + "\n";
    for (int s : group.signals) {
      const auto& signal = waves.signals[static_cast<std::size_t>(s)];
      text += signal.bits == 1 ? "@28\n" : "@24\n";
      text += root + signal.path;
      if (signal.bits > 1) text += "[" + std::to_string(signal.bits - 1) + ":0]";
      text += "\n";
    }
    text += "@1000200\n-" + group.title + "\n";
  }
  return text;
}

}  // namespace spikeloop::sim
