#include "models/neuron_kernels.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/models/neuron_oracle.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kSteps = 7, kNeurons = 1300;  // more than a block, no multiple of a vector's length

std::string describe(const NeuronSpec& spec) {
  return std::string(to_text(spec.kind)) + (spec.decay_input ? " decay " : " whole ") + to_text(spec.reset) +
         ' ' + to_text(spec.surrogate);
}

template <class T>
std::vector<T> draw(std::int64_t count, std::uint64_t seed, double low, double high) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<T>(low + (high - low) * unit(seed, static_cast<std::uint64_t>(i))));
  }
  return values;
}

template <class T>
NeuronConstants<T> constants_of(const NeuronSpec& spec) {
  const Charge charge = spec.kind == NeuronKind::kIf ? Charge::kIntegrate
                        : spec.decay_input           ? Charge::kDecayInput
                                                     : Charge::kWholeInput;
  return {charge,
          spec.reset,
          spec.surrogate,
          static_cast<T>(1 / spec.tau),
          static_cast<T>(spec.threshold),
          static_cast<T>(spec.v_reset),
          static_cast<T>(spec.alpha)};
}

/// Both kernels on random neurons, and column i of what they saw and gave as an oracle's input.
template <class T>
struct Case {
  NeuronConstants<T> constants;
  std::vector<T> input, previous, grad_spikes, grad_last;
  std::vector<T> spikes, membranes, last, grad_input, grad_previous;
  double grad_rate;

  Case(const NeuronSpec& spec, bool with_previous, std::uint64_t seed)
      : constants(constants_of<T>(spec)),
        input(draw<T>(kSteps * kNeurons, seed, -1.5, 2.5)),
        previous(with_previous ? draw<T>(kNeurons, seed + 1, -1, 2) : std::vector<T>()),
        grad_spikes(draw<T>(kSteps * kNeurons, seed + 2, -1, 1)),
        grad_last(draw<T>(kNeurons, seed + 3, -1, 1)),
        spikes(input.size()),
        membranes(input.size()),
        last(kNeurons),
        grad_input(input.size()),
        grad_previous(kNeurons) {
    NeuronForward<T> job{};
    job.steps = kSteps;
    job.neurons = job.input_step = kNeurons;
    job.input = input.data();
    job.previous = with_previous ? previous.data() : nullptr;
    job.spikes = spikes.data();
    job.membranes = membranes.data();
    job.last = last.data();
    run(job, constants, 0, kNeurons);
    NeuronBackward<T> back{};
    back.steps = kSteps;
    back.neurons = back.input_step = kNeurons;
    back.membranes = membranes.data();
    back.previous = job.previous;
    back.grad_spikes = grad_spikes.data();
    back.grad_last = grad_last.data();
    back.grad_input = grad_input.data();
    back.grad_previous = with_previous ? grad_previous.data() : nullptr;
    back.input = input.data();
    grad_rate = run(back, constants, 0, kNeurons);
  }

  std::vector<double> column(const std::vector<T>& values, std::int64_t i) const {
    std::vector<double> result;
    for (std::int64_t t = 0; t < kSteps; ++t)
      result.push_back(values[static_cast<std::size_t>(t * kNeurons + i)]);
    return result;
  }

  NeuronOracle oracle(NeuronSpec spec, std::int64_t i) const {
    spec.threshold = constants.threshold;
    spec.v_reset = constants.v_reset;
    spec.alpha = constants.alpha;
    const auto n = static_cast<std::size_t>(i);
    const double before = previous.empty() ? 0 : previous[n];
    return {spec,
            static_cast<double>(constants.rate),
            column(input, i),
            previous.empty() ? nullptr : &before,
            column(grad_spikes, i),
            static_cast<double>(grad_last[n])};
  }
};

TEST(NeuronKernels, DoubleEqualsTheOracleBitForBit) {
  std::uint64_t seed = 10;
  for (const NeuronSpec& spec : all_neuron_specs()) {
    for (const bool with_previous : {false, true}) {
      SCOPED_TRACE(describe(spec));
      const Case<double> made(spec, with_previous, seed += 10);
      double grad_rate = 0, spikes = 0;
      for (std::int64_t i = 0; i < kNeurons; ++i) {
        const NeuronOracle oracle = made.oracle(spec, i);
        ASSERT_EQ(made.column(made.membranes, i), oracle.membranes);
        ASSERT_EQ(made.column(made.spikes, i), oracle.spikes);
        ASSERT_EQ(made.last[static_cast<std::size_t>(i)], oracle.membranes.back());
        const auto gradients = made.column(made.grad_input, i);
        for (std::size_t t = 0; t < gradients.size(); ++t) {
          ASSERT_NEAR(gradients[t], oracle.grad_inputs[t], 1e-13);
        }
        if (with_previous) {
          ASSERT_NEAR(made.grad_previous[static_cast<std::size_t>(i)], oracle.grad_previous, 1e-13);
        }
        grad_rate += oracle.grad_rate;
        for (const double s : oracle.spikes) spikes += s;
      }
      if (spec.kind != NeuronKind::kIf) {
        EXPECT_NEAR(made.grad_rate, grad_rate, 1e-9);
      }
      EXPECT_GT(spikes, 500);  // both branches were walked
      EXPECT_LT(spikes, kSteps * kNeurons - 500);
    }
  }
}

/// In float a membrane is off by at most `error`, which a step lets grow by its own roundings (at most five
/// of a value below `largest`) and passes on; a spike may differ only where the exact membrane is that near
/// the threshold. From there on the two neurons have different histories.
TEST(NeuronKernels, FloatDiffersOnlyWithinRoundingOfTheThreshold) {
  constexpr double kRounding = std::numeric_limits<float>::epsilon() / 2, kLargest = 20;
  std::uint64_t seed = 5000;
  for (const NeuronSpec& spec : all_neuron_specs()) {
    SCOPED_TRACE(describe(spec));
    const Case<float> made(spec, true, seed += 10);
    std::int64_t diverged = 0;
    for (std::int64_t i = 0; i < kNeurons; ++i) {
      const NeuronOracle oracle = made.oracle(spec, i);
      const auto membranes = made.column(made.membranes, i), spikes = made.column(made.spikes, i);
      const auto gradients = made.column(made.grad_input, i);
      double error = 0;
      bool same = true;
      for (std::size_t t = 0; t < spikes.size() && same; ++t) {
        error += 5 * kRounding * kLargest;
        ASSERT_LT(std::abs(oracle.membranes[t]), kLargest);
        ASSERT_NEAR(membranes[t], oracle.membranes[t], error);
        same = spikes[t] == oracle.spikes[t];
        const double from_threshold =
            std::abs(oracle.membranes[t] - static_cast<double>(made.constants.threshold));
        ASSERT_TRUE(same || from_threshold <= error) << from_threshold;
      }
      diverged += same ? 0 : 1;
      if (!same) continue;
      for (std::size_t t = 0; t < gradients.size(); ++t)
        ASSERT_NEAR(gradients[t], oracle.grad_inputs[t], 4e-5);
    }
    EXPECT_LT(diverged, 5);
  }
}

TEST(NeuronKernels, AMembraneAtTheThresholdFires) {
  NeuronSpec spec;  // tau 4/3: an input of 4/3 charges to 1
  spec.decay_input = true;
  for (const ResetKind reset : {ResetKind::kHard, ResetKind::kSoft}) {
    spec.reset = reset;
    const std::vector<float> input{4.0F / 3.0F, 0.0F};
    std::vector<float> spikes(2), membranes(2);
    NeuronForward<float> job{};
    job.steps = 2;
    job.neurons = job.input_step = 1;
    job.input = input.data();
    job.spikes = spikes.data();
    job.membranes = membranes.data();
    run(job, constants_of<float>(spec), 0, 1);
    EXPECT_EQ(spikes, (std::vector<float>{1, 0}));
    EXPECT_EQ(membranes, (std::vector<float>{1, 0}));
  }
}

TEST(NeuronKernels, RangesStillInputsAndChannelsGiveTheSameAsTheWhole) {
  const NeuronSpec spec;
  const auto constants = constants_of<float>(spec);
  constexpr std::int64_t kChannels = 13, kInner = 100;
  static_assert(kChannels * kInner == kNeurons);
  const auto still = draw<float>(kNeurons, 1, -1, 2);
  const auto factor = draw<float>(kChannels, 2, 0.5, 2), offset = draw<float>(kChannels, 3, -0.5, 0.5);
  for (const std::int64_t inner : {std::int64_t{1}, kInner}) {
    std::vector<float> repeated;
    for (std::int64_t t = 0; t < kSteps; ++t) {
      for (std::int64_t i = 0; i < kNeurons; ++i) {
        const auto c = static_cast<std::size_t>(i / inner % kChannels);
        repeated.push_back(factor[c] * still[static_cast<std::size_t>(i)] + offset[c]);
      }
    }
    std::vector<float> expected(repeated.size()), found(repeated.size()), last(kNeurons), same_last(kNeurons);
    NeuronForward<float> job{};
    job.steps = kSteps;
    job.neurons = job.input_step = kNeurons;
    job.input = repeated.data();
    job.spikes = expected.data();
    job.last = last.data();
    run(job, constants, 0, kNeurons);
    job.input = still.data();
    job.input_step = 0;
    job.factor = factor.data();
    job.offset = offset.data();
    job.channels = kChannels;
    job.inner = inner;
    job.spikes = found.data();
    job.last = same_last.data();
    run(job, constants, 0, 333);
    run(job, constants, 333, kNeurons);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(same_last, last);
  }
}

TEST(NeuronKernels, ExtremeInputsGiveNoNonsense) {
  for (const SurrogateKind surrogate :
       {SurrogateKind::kAtan, SurrogateKind::kTriangle, SurrogateKind::kSigmoid}) {
    NeuronSpec spec;
    spec.surrogate = surrogate;
    const auto constants = constants_of<float>(spec);
    const std::vector<float> membranes{-1e30F, -200.0F, -22.0F, 0.0F, 1.0F, 22.0F, 200.0F, 1e30F};
    const std::vector<float> ones(membranes.size(), 1.0F);
    std::vector<float> gradient(membranes.size());
    NeuronBackward<float> job{};
    job.steps = 1;
    job.neurons = static_cast<std::int64_t>(membranes.size());
    job.membranes = membranes.data();
    job.grad_spikes = ones.data();
    job.grad_input = gradient.data();
    run(job, constants, 0, job.neurons);
    for (const float g : gradient) EXPECT_TRUE(g >= 0 && g <= 1.5F) << g;
  }
}

}  // namespace
}  // namespace spikeloop::models
