#pragma once
#include <sys/types.h>

#include <csignal>
#include <string>

namespace spikeloop::sim {

/// gtkwave's vcd2fst, started to turn the VCD that is written into its named pipe into an FST file, so that
/// the VCD, some twenty times larger, never lies on the disk.
class Vcd2fst {
 public:
  /// Throws InputError (advice included) when the program is absent.
  explicit Vcd2fst(std::string fst);
  ~Vcd2fst();  ///< ends the program if finish() was not reached, and removes the pipe
  Vcd2fst(const Vcd2fst&) = delete;
  Vcd2fst& operator=(const Vcd2fst&) = delete;

  static bool installed();
  /// The pipe is this name + ".vcd"; opening it for writing does not block.
  const std::string& pipe_name() const { return name_; }
  /// The writer has the pipe open: from now on it gets EPIPE should the program end early.
  void writer_is_open() { close_ends(); }
  /// The writer has closed the pipe: waits for the program. Throws std::runtime_error with what it said.
  void finish();

 private:
  void close_ends();
  std::string fst_, folder_, name_;
  int read_end_ = -1, write_end_ = -1;
  ::pid_t child_ = -1;
  struct sigaction old_pipe_action_ {};
};

}  // namespace spikeloop::sim
