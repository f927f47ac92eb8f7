#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "nas/verify_snasnet.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"

namespace spikeloop::tools {

int verify_command(const std::vector<std::string>& arguments) {
  std::string what, file, data;
  CommandLine line;
  line.usage =
      "usage: spikeloop verify snasnet FILE [--data DIR]\n\n"
      "Recomputes the reference values in FILE, made with the released SNASNet code, and prints a line for "
      "each.\n"
      "Exit code 1 when one differs.";
  line.options.add_options()("what", po::value(&what), "snasnet")("file", po::value(&file),
                                                                  "the references (JSON)")(
      "data", po::value(&data)->value_name("DIR"),
      "folder of CIFAR-10's binary version, for references that were computed on its images");
  line.positional.add("what", 1).add("file", 1);
  if (!line.parse(arguments)) return 0;
  line.required("what");
  if (what != "snasnet") throw InputError("command line", "verify", '"' + what + '"', "snasnet");
  line.required("file");
  const int different = nas::verify_snasnet(file, data, std::cout);
  if (different > 0) std::cout << different << " differ\n";
  return different == 0 ? 0 : 1;
}

}  // namespace spikeloop::tools
