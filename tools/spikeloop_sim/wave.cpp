#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "sim/waves/trace_waves.h"
#include "tools/spikeloop_sim/commands.h"
#include "traces/spike_trace.h"

/// spikeloop-sim wave: a spike trace in a wave viewer, without simulating.
namespace spikeloop::tools {

int wave_command(const Arguments& arguments) {
  std::string file;
  std::string out = "trace.vcd";
  std::string samples;
  std::string neurons;
  sim::TraceWaveSelection selection;
  CommandLine line;
  line.usage =
      "usage: spikeloop-sim wave TRACE.h5 [--out FILE.vcd|FILE.fst] [options]\n\n"
      "Writes recorded spikes as waves, with a GTKWave save file beside them: a timestep is 1 ns, samples\n"
      "follow each other; per layer the number of spikes, per neuron a bit that is 1 while it fires.\n"
      "Exit codes: 0 done, 1 internal failure, 2 wrong input";
  auto add = line.options.add_options();
  add("trace", po::value(&file)->value_name("FILE"), "recorded spikes (HDF5)");
  add("out", po::value(&out)->value_name("FILE")->default_value(out), "the waves, .vcd or .fst");
  add("samples", po::value(&samples)->value_name("LIST"),
      "by position from 0, like 0,3-5; default: the first one");
  add("nodes", po::value(&selection.nodes)->value_name("PATTERN"),
      "only layers whose name matches, like 'cell1.*'; may be repeated");
  add("neurons", po::value(&neurons)->value_name("LIST"),
      "only these neurons of each layer, in H, W, C order, like 0-63; default: all of as many layers as a "
      "viewer takes, the smallest first");
  line.positional.add("trace", 1);
  if (!line.parse(arguments)) return 0;
  file = line.required("trace");
  sim::require_wave_format(out, "--out");
  require_writable(out, "--out");
  if (!samples.empty()) selection.samples = parse_records(samples, "--samples");
  if (!neurons.empty()) selection.neurons = parse_records(neurons, "--neurons");
  const traces::TraceReader trace(file);
  const auto [waves, counts_only] = sim::trace_waves(trace, selection);
  if (!counts_only.empty()) {
    std::string names;
    for (const auto& name : counts_only) names += (names.empty() ? "" : ", ") + name;
    std::cerr << "spikeloop-sim: too many neurons for a viewer, only the number of spikes of " << names
              << "; choose with --neurons LIST or --nodes PATTERN\n";
  }
  sim::write_waves(out, waves);
  std::cout << out << ": " << waves.signals.size() << " signals, " << waves.changes.size() << " changes, "
            << waves.end_ps / waves.unit_ps << " timesteps; layout in " << sim::save_file_name(out) << '\n';
  return 0;
}

}  // namespace spikeloop::tools
