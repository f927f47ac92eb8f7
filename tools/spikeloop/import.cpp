#include <boost/program_options/value_semantic.hpp>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "tools/spikeloop/commands.h"
#include "tools/support/command_line.h"
#include "traces/nir.h"
#include "traces/nir_import.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop import MODEL.nir [--out FILE.nir] [options]\n\n"
    "Reads a NIR file of any framework, decides what the format leaves open (timestep, reset), tells what "
    "it\n"
    "took for granted, and writes the network in spikeloop's terms. Without --out it only tells.";

/// One of two words as a truth value.
bool choose(const std::string& option, const std::string& word, const std::string& no,
            const std::string& yes) {
  if (word == yes) return true;
  if (word != no) throw InputError("command line", option, '"' + word + '"', no + " or " + yes);
  return false;
}

}  // namespace

int import_command(const std::vector<std::string>& arguments) {
  std::string model, out, reset, euler, fire, dataset;
  traces::ImportOptions options;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("model", po::value(&model)->value_name("FILE"), "the file to read (NIR)")(
      "out", po::value(&out)->value_name("FILE"), "where the network goes (NIR)")(
      "nir-dt", po::value(&options.dt_s)->value_name("S"),
      "seconds of a timestep; default: as the file shows, else 1e-4")(
      "reset", po::value(&reset)->value_name("WORD"),
      "hard (v = v_reset) or soft (v -= v_threshold); default: as the file says, hard")(
      "euler", po::value(&euler)->value_name("WORD"), "forward or exponential; default: forward")(
      "fire", po::value(&fire)->value_name("WORD"), "above or at the threshold; default: above")(
      "timesteps", po::value(&options.timesteps)->value_name("T"), "that a sample runs for")(
      "input-bits", po::value(&options.input_bits)->value_name("B"),
      "the input is integers, such as event counts, of so many bits with the sign (2 to 8)")(
      "dataset", po::value(&dataset)->value_name("NAME"), "that the network was trained with");
  line.positional.add("model", 1);
  if (!line.parse(arguments)) return 0;
  line.required("model");
  if (line.given("nir-dt") && !(std::isfinite(options.dt_s) && options.dt_s > 0))
    throw InputError("command line", "--nir-dt", std::to_string(options.dt_s), "seconds above 0");
  if (line.given("timesteps") && (options.timesteps < 1 || options.timesteps > (1 << 20)))
    throw InputError("command line", "--timesteps", std::to_string(options.timesteps), "1 to 1048576");
  if (line.given("input-bits") && (options.input_bits < 2 || options.input_bits > 8))
    throw InputError("command line", "--input-bits", std::to_string(options.input_bits), "2 to 8");
  if (!reset.empty()) options.soft_reset = choose("--reset", reset, "hard", "soft");
  if (!fire.empty()) options.spike_at_threshold = choose("--fire", fire, "above", "at");
  if (!euler.empty())
    options.euler = choose("--euler", euler, "forward", "exponential")
                        ? traces::ImportOptions::Euler::kExponential
                        : traces::ImportOptions::Euler::kForward;
  if (!dataset.empty()) models::check_dataset_name(dataset);  // what trace and quantise will open
  if (!out.empty()) require_writable(out, "--out");
  require_different({{"the network", model}, {"--out", out}});
  traces::ImportedNetwork imported = traces::import_nir(model, options);
  if (!dataset.empty()) imported.network.dataset = dataset;
  std::cout << traces::import_report(imported, model);
  if (out.empty()) return 0;
  traces::write_nir(out, imported.network);
  std::cout << "\nnetwork: " << out << '\n';
  return 0;
}

}  // namespace spikeloop::tools
