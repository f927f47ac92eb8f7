#include "models/neurons.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/neuron_oracle.h"
#include "tests/models/random_tensor.h"

namespace spikeloop::models {
namespace {

double at_index(const at::Tensor& x, std::int64_t t, std::int64_t i) {
  return x[t].reshape({-1})[i].item<double>();
}

NeuronParameters parameters_of(const NeuronSpec& spec, at::Tensor& weight) {
  NeuronParameters parameters;
  if (spec.kind == NeuronKind::kPlif) {
    weight = at::full({}, -std::log(spec.tau - 1), at::kDouble).set_requires_grad(true);
    parameters.plif_weight = weight;
  }
  parameters.all_membranes = true;
  return parameters;
}

TEST(Neurons, ValuesAndGradientsEqualTheOracle) {
  for (const NeuronSpec& spec : all_neuron_specs()) {
    const at::Tensor input = random_tensor({5, 2, 3, 2, 2}, 3).set_requires_grad(true);
    const at::Tensor previous = random_tensor({2, 3, 2, 2}, 4).set_requires_grad(true);
    const at::Tensor grad_spikes = random_tensor(input.sizes().vec(), 5);
    const at::Tensor grad_last = random_tensor(previous.sizes().vec(), 6);
    at::Tensor weight;
    const NeuronOutput out = run_neurons(input, previous, spec, parameters_of(spec, weight));
    ((out.spikes * grad_spikes).sum() + (out.membrane * grad_last).sum()).backward();
    const double rate =
        spec.kind == NeuronKind::kPlif ? 1 / (1 + std::exp(-weight.item<double>())) : 1 / spec.tau;
    double grad_rate = 0;
    for (std::int64_t i = 0; i < previous.numel(); ++i) {
      std::vector<double> inputs, grads;
      for (std::int64_t t = 0; t < 5; ++t) {
        inputs.push_back(at_index(input.detach(), t, i));
        grads.push_back(at_index(grad_spikes, t, i));
      }
      const double before = at_index(previous.detach().unsqueeze(0), 0, i);
      const NeuronOracle oracle(spec, rate, inputs, &before, grads, at_index(grad_last.unsqueeze(0), 0, i));
      for (std::int64_t t = 0; t < 5; ++t) {
        const auto step = static_cast<std::size_t>(t);
        ASSERT_EQ(at_index(out.spikes, t, i), oracle.spikes[step]);
        ASSERT_EQ(at_index(out.membranes, t, i), oracle.membranes[step]);
        ASSERT_NEAR(at_index(input.grad(), t, i), oracle.grad_inputs[step], 1e-13);
      }
      ASSERT_EQ(at_index(out.membrane.detach().unsqueeze(0), 0, i), oracle.membranes.back());
      ASSERT_NEAR(at_index(previous.grad().unsqueeze(0), 0, i), oracle.grad_previous, 1e-13);
      grad_rate += oracle.grad_rate;
    }
    if (spec.kind == NeuronKind::kPlif) {
      EXPECT_NEAR(weight.grad().item<double>(), grad_rate * rate * (1 - rate), 1e-12);
    }
  }
}

TEST(Neurons, TheLoopForOtherDevicesGivesTheSame) {
  for (const NeuronSpec& spec : all_neuron_specs()) {
    const at::Tensor a = random_tensor({4, 2, 5}, 1).set_requires_grad(true);
    const at::Tensor b = a.detach().clone().set_requires_grad(true);
    const at::Tensor grad = random_tensor({4, 2, 5}, 2), factor = random_tensor({5}, 3),
                     offset = random_tensor({5}, 4);
    at::Tensor weight_a, weight_b;
    NeuronParameters with_a = parameters_of(spec, weight_a), with_b = parameters_of(spec, weight_b);
    with_a.factor = with_b.factor = factor;
    with_a.offset = with_b.offset = offset;
    const NeuronOutput x = run_neurons(a, {}, spec, with_a), y = run_neurons_by_steps(b, {}, spec, with_b);
    EXPECT_TRUE(at::equal(x.spikes, y.spikes));
    EXPECT_TRUE(at::allclose(x.membranes, y.membranes, 0, 1e-14));
    (x.spikes * grad).sum().backward();
    (y.spikes * grad).sum().backward();
    EXPECT_TRUE(at::allclose(a.grad(), b.grad(), 0, 1e-13));
    if (weight_a.defined()) {
      EXPECT_TRUE(at::allclose(weight_a.grad(), weight_b.grad(), 0, 1e-12));
    }
  }
}

TEST(Neurons, HandingTheMembraneOnIsTheSameAsOneRun) {
  NeuronSpec spec;
  for (const ResetKind reset : {ResetKind::kHard, ResetKind::kSoft}) {
    spec.reset = reset;
    const at::Tensor a = random_tensor({6, 3, 7}, 1).set_requires_grad(true);
    const at::Tensor b = a.detach().clone().set_requires_grad(true);
    const at::Tensor grad = random_tensor({6, 3, 7}, 2);
    const NeuronOutput whole = run_neurons(a, {}, spec);
    (whole.spikes * grad).sum().backward();
    std::vector<at::Tensor> spikes;
    at::Tensor membrane;
    for (std::int64_t t = 0; t < 6; ++t) {
      const NeuronOutput step = run_neurons(b.slice(0, t, t + 1), membrane, spec);
      spikes.push_back(step.spikes);
      membrane = step.membrane;
    }
    const at::Tensor stepped = at::cat(spikes);
    (stepped * grad).sum().backward();
    EXPECT_TRUE(at::equal(whole.spikes, stepped));
    EXPECT_TRUE(at::equal(whole.membrane, membrane));
    EXPECT_TRUE(at::allclose(a.grad(), b.grad(), 0, 1e-15));
  }
}

TEST(Neurons, MemoryOrderDoesNotMatterAndIsKept) {
  const NeuronSpec spec;
  const at::Tensor plain = random_tensor({3 * 2, 4, 5, 6}, 1);
  const at::Tensor last = plain.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor factor = random_tensor({4}, 2), offset = random_tensor({4}, 3);
  const at::Tensor previous = random_tensor({2, 4, 5, 6}, 4), grad = random_tensor({3, 2, 4, 5, 6}, 5);
  NeuronParameters parameters;
  parameters.factor = factor;
  parameters.offset = offset;
  const auto fold = [](const at::Tensor& x) { return x.view({3, 2, 4, 5, 6}); };
  const NeuronOutput a = run_neurons(fold(plain), previous, spec, parameters);
  const NeuronOutput b = run_neurons(fold(last), previous, spec, parameters);
  EXPECT_TRUE(at::equal(a.spikes, b.spikes));
  EXPECT_TRUE(at::equal(a.membrane, b.membrane));
  EXPECT_TRUE(b.spikes.view({6, 4, 5, 6}).is_contiguous(at::MemoryFormat::ChannelsLast));
  // With gradients: another way through the code, the same numbers.
  for (const at::Tensor& data : {plain, last, plain.transpose(2, 3).contiguous().transpose(2, 3)}) {
    const at::Tensor x = data.detach().set_requires_grad(true);
    const NeuronOutput c = run_neurons(x.view({3, 2, 4, 5, 6}), previous, spec, parameters);
    EXPECT_TRUE(at::equal(a.spikes, c.spikes));
    EXPECT_TRUE(at::equal(a.membrane, c.membrane));
    (c.spikes * grad).sum().backward();
    const at::Tensor y = plain.detach().clone().set_requires_grad(true);
    (run_neurons_by_steps(fold(y), previous, spec, parameters).spikes * grad).sum().backward();
    EXPECT_TRUE(at::allclose(x.grad(), y.grad(), 0, 1e-13));
  }
}

TEST(Neurons, AStillInputNeedsNoCopies) {
  const NeuronSpec spec;
  const at::Tensor image = random_tensor({2, 4, 3, 3}, 1).set_requires_grad(true);
  const at::Tensor copies = image.detach().unsqueeze(0).repeat({4, 1, 1, 1, 1}).set_requires_grad(true);
  const NeuronOutput a = run_neurons(image.unsqueeze(0).expand({4, -1, -1, -1, -1}), {}, spec);
  const NeuronOutput b = run_neurons(copies, {}, spec);
  EXPECT_TRUE(at::equal(a.spikes, b.spikes));
  const at::Tensor grad = random_tensor({4, 2, 4, 3, 3}, 2);
  (a.spikes * grad).sum().backward();
  (b.spikes * grad).sum().backward();
  EXPECT_TRUE(at::allclose(image.grad(), copies.grad().sum(0), 0, 1e-14));
}

}  // namespace
}  // namespace spikeloop::models
