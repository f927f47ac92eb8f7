#include <iostream>
#include <string>

#include "nas/settings.h"
#include "nas/study.h"

// Writes DIR/study.db with candidates in every state, so that `spikeloop study` can be tested without a
// search. With a second argument it then keeps the study locked, like a search that runs, until its input
// ends.
namespace {

using namespace spikeloop::nas;

Trial trial_in(std::int64_t number, TrialState state, Stage stage, const std::string& first_row) {
  Trial trial;
  trial.number = number;
  trial.round = number / 4;
  trial.genotype = first_row + "/0000/0000/0000|" + first_row + "/0000/0000/0000";
  trial.hash = "hash" + std::to_string(number);
  trial.state = state;
  trial.stage = stage;
  return trial;
}

Trial trained(std::int64_t number, TrialState state, const std::string& first_row, double accuracy,
              double energy_pj, double latency_ns) {
  Trial trial = trial_in(number, state, Stage::kMeasured, first_row);
  trial.score = -30.5 - static_cast<double>(number);
  trial.scores = {{"convolutions", 2}, {"lif_modules", 7}};
  trial.bound = Costs{1000, 2e6, latency_ns / 4, energy_pj / 2, {{"tiles", 4}}};
  trial.provisional = Costs{1000, 2e6, latency_ns, energy_pj * 1.25, {{"tiles", 4}}};
  trial.measured = Costs{1000, 2e6, latency_ns, energy_pj, {{"tiles", 4}}};
  trial.accuracy = accuracy;
  trial.artifacts = job_folder(number, Stage::kMeasured);
  return trial;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string path = std::string(argv[1]) + "/study.db";
  SearchSettings settings;
  for (const char* limit : {"energy_pj<=5e5", "tiles<=6"})
    add(settings.limits, parse_limit(limit, "--limit"), "--limit");
  Study study = Study::create_or_resume(path, to_json(settings));
  if (!study.resumed()) {
    std::vector<Trial> trials{
        trained(0, TrialState::kComplete, "0003", 0.75, 4e5, 2e5),
        trained(1, TrialState::kComplete, "0002", 0.5, 1e5, 3e5),
        trained(2, TrialState::kComplete, "0033", 0.5, 2e5, 1e5),
        trained(3, TrialState::kInfeasible, "0333", 0.875, 6e5, 1e5),
        trial_in(4, TrialState::kPruned, Stage::kScore, "0023"),
        trial_in(5, TrialState::kFail, Stage::kScore, "0032"),
        trial_in(6, TrialState::kFail, Stage::kProvisional, "0232"),
        trial_in(7, TrialState::kRunning, Stage::kMeasured, "0233"),
        trial_in(8, TrialState::kWaiting, Stage::kProvisional, "0323"),
    };
    trials[3].limits_exceeded = "energy";
    trials[3].reason = "energy 600 nJ over 500 nJ (+20 %)";
    trials[4].reason = "score rank 5 of 9, \"low\"";
    trials[5].reason = "signal 11, see candidates/5/score/log.txt";
    trials[6].reason = "it crashed";
    study.insert(trials, {0, 12, 3});
    study.update(trials[0], {0, Stage::kMeasured, 65, 200'000});
    study.count_attempt(7, Stage::kMeasured);
    study.lease(7, 4e9);
  }
  if (argc == 2) return 0;
  std::cout << "locked" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
}
