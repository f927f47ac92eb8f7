#pragma once
#include "tools/support/command_line.h"

/// What spikeloop-sim does: a replay, or one of its subcommands. Each takes the words of its command line
/// and returns the exit code; wrong input throws InputError.
namespace spikeloop::tools {

int replay_command(const Arguments& arguments);   ///< without a subcommand
int traffic_command(const Arguments& arguments);  ///< the mesh alone
int verify_command(const Arguments& arguments);   ///< our versions of published formulas

}  // namespace spikeloop::tools
