#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "models/graph_net.h"
#include "models/networks.h"
#include "models/threads.h"

/// The networks of tests/bench/step_by_step.py as GraphNets: images per second of inference and of a training
/// step on one thread, the best of several interleaved rounds, in CPU time. usage: graph_speed [CHANNELS=16]
/// [TIMESTEPS=4] [BATCH=64] [ROUNDS=5] [NETWORK] [inference|training]
namespace {

using namespace spikeloop::models;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Architecture cells(const std::string& text, std::int64_t channels, int timesteps) {
  SnasnetSpec spec;
  parse_cells(text, "cells", spec.cell1, spec.cell2);
  spec.channels = channels;
  spec.timesteps = timesteps;
  spec.hidden = 0;
  spec.votes = 1;
  spec.second_pool = 8;
  return snasnet(spec);
}

Architecture vgg(std::int64_t channels, int timesteps) {
  Vgg9Spec spec;
  spec.width = static_cast<double>(channels) / 64.0;
  spec.hidden = 16 * channels;
  spec.timesteps = timesteps;
  spec.neuron = NeuronSpec{};
  spec.batch_norm = true;
  return vgg9(spec);
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, long fallback) {
    return argc > index ? std::strtol(argv[index], nullptr, 10) : fallback;
  };
  const std::int64_t channels = argument(1, 16), batch = argument(3, 64);
  const int timesteps = static_cast<int>(argument(2, 4));
  const ThreadCount one(1);
  std::map<std::string, GraphNet> nets;
  nets.emplace("vgg9", GraphNet(vgg(channels, timesteps), 1));
  nets.emplace("backward", GraphNet(cells("0303/0030/2002/0200", channels, timesteps), 1));
  nets.emplace("forward", GraphNet(cells("0303/0030/0002/0000", channels, timesteps), 1));
  const at::Tensor images = at::rand({batch, 3, 32, 32}), labels = at::randint(10, {batch}, at::kLong);
  std::map<std::pair<std::string, bool>, double> best;
  for (long round = 0; round < argument(4, 5); ++round) {
    for (auto& [name, net] : nets) {
      if (argc > 5 && name != argv[5]) continue;
      for (const bool train : {false, true}) {
        if (argc > 6 && std::string(argv[6]) != (train ? "training" : "inference")) continue;
        const double begin = cpu_seconds();
        net->train(train);
        if (train) {
          net->zero_grad();
          at::cross_entropy_loss(net->forward(images), labels).backward();
        } else {
          const at::NoGradGuard no_grad;
          net->forward(images);
        }
        double& least =
            best.emplace(std::pair(name, train), std::numeric_limits<double>::max()).first->second;
        least = std::min(least, cpu_seconds() - begin);
      }
    }
  }
  for (const auto& [key, seconds] : best) {
    std::printf("%-9s %-9s %8.1f images/s  %8.1f ms a batch\n", key.first.c_str(),
                key.second ? "training" : "inference", static_cast<double>(batch) / seconds, 1e3 * seconds);
  }
}
