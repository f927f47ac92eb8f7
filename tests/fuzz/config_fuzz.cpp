#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/config/chip_fields.h"
#include "sim/config/chip_texts.h"
#include "sim/simulate.h"
#include "tests/fuzz/in_process.h"
#include "tests/support/tiny.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

/// Chips of any kind: refused with an InputError, or a chip on which a small network runs within seconds. An
/// input that begins with '{' is a file; any other is lines of overrides, path=value, for a chip that works.
namespace {

using namespace spikeloop;

const std::string kBase = std::string(SPIKELOOP_SOURCE_DIR) + "/hwconfigs/rram-32nm-small.json";

sim::Overrides overrides_of(const std::string& text) {
  sim::Overrides overrides;
  std::size_t begin = 0;
  while (begin < text.size() && overrides.size() < 40) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) overrides.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    begin = end + 1;
  }
  return overrides;
}

struct Work {
  traces::Network network = testing::NetworkBuilder({1, 4, 4})
                                .conv("conv", "input", 2, 3)
                                .lif("lif", {"conv"})
                                .flatten("flat", "lif")
                                .linear("fc", "flat", 32, 3)
                                .lif("out", {"fc"})
                                .output("out", {3}, 2);
  testing::TemporaryFolder folder;
  std::string trace_file = folder.file("trace.h5");
  Work() { traces::write_trace(trace_file, testing::random_trace(network, 1, 0.3, 1)); }
};

std::string some_value(const sim::Field& field, RandomStream& random) {
  if (field.is_boolean()) return random.below(2) == 0 ? "true" : "false";
  if (!field.words().empty()) return field.words()[random.below(field.words().size())].text;
  if (!field.is_number()) return "text";
  const double span = field.maximum - field.minimum;
  double value = field.minimum;
  switch (random.below(8)) {
    case 0:
      break;
    case 1:
      value = field.maximum;
      break;
    case 2:
      value = field.minimum - 1;
      break;
    case 3:
      value = field.maximum + 1;
      break;
    case 4:
      value = field.minimum + span * random.unit();
      break;
    default:
      value = field.minimum + std::floor(std::min(span, 64.0) * random.unit());
  }
  if (field.is_integer()) value = std::floor(value);
  return sim::number_text(value);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

/// Half of the time another line of overrides, with a value of its field's kind.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  RandomStream random(seed);
  if (random.below(2) == 0 || (size > 0 && data[0] == '{' && random.below(8) != 0))
    return LLVMFuzzerMutate(data, size, most);
  std::string text(reinterpret_cast<const char*>(data), size);
  if (random.below(3) == 0)
    text = text.substr(0, text.rfind('\n', text.size() < 2 ? 0 : text.size() - 2) + 1);
  if (!text.empty() && text.back() != '\n') text += '\n';
  const auto& fields = sim::chip_fields();
  const sim::Field& field = fields[random.below(fields.size())];
  text += std::string(field.path) + '=' + some_value(field, random) + '\n';
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Work work;
  static const traces::TraceReader trace(work.trace_file);
  static const fuzz::MemoryFile file;
  try {
    sim::ChipConfig chip;
    if (size > 0 && data[0] == '{') {
      file.write(data, size);
      chip = sim::read_chip_config(file.path());
    } else {
      chip = sim::read_chip_config(kBase, overrides_of({reinterpret_cast<const char*>(data), size}));
    }
    sim::describe_chip(chip);
    sim::simulate(work.network, trace, chip);
  } catch (const InputError&) {
    // The right answer.
  }
  return 0;
}
