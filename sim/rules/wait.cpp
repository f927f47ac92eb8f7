#include "sim/rules/wait.h"

namespace spikeloop::sim {

std::string describe(const Plan& plan, const std::vector<Wait>& waits) {
  std::string text;
  for (const auto& w : waits) {
    const auto name = [&](int stage) { return plan.stages[static_cast<std::size_t>(stage)].name; };
    text += "  " + name(w.stage) + " waits for ";
    switch (w.what) {
      case Wait::For::kItems:
        text += "items from " + name(w.on);
        break;
      case Wait::For::kRoom:
        text += "room at " + name(w.on);
        break;
      case Wait::For::kRegister:
        text += name(w.on) + " to empty the register between them";
        break;
      case Wait::For::kOutputBuffer:
        text += "room in the output buffer, where a packet of " + name(w.on) + " does not leave";
        break;
      case Wait::For::kTimestep:
        text += "the start of the next timestep";
        break;
    }
    text += "\n";
  }
  return text;
}

}  // namespace spikeloop::sim
