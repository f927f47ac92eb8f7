#include "models/quantise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "helpers.h"
#include "traces/nir.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

using Scale = Quantisation::Scale;

std::vector<float> bell_weights(std::size_t count, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<float> weights(count);
  for (float& w : weights) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += random.unit();
    w = static_cast<float>(0.1 * (sum - 6));
  }
  return weights;
}

/// Input [2, 4, 4] -> conv (3 outputs, bias) -> flatten -> fc (5 outputs) -> Output.
traces::Network small_network(std::uint64_t seed = 1) {
  traces::Network network;
  network.timesteps = 2;
  traces::Conv2dParams conv;
  conv.weight = {{3, 2, 3, 3}, bell_weights(54, seed)};
  conv.bias = {{3}, {0.5F, -0.25F, 0.1F}};
  conv.padding = {1, 1};
  traces::LinearParams fc;
  fc.weight = {{5, 48}, bell_weights(240, seed + 1)};
  network.nodes = {{"input", traces::InputParams{{2, 4, 4}}},
                   {"conv", conv},
                   {"flatten", traces::FlattenParams{}},
                   {"fc", fc},
                   {"output", traces::OutputParams{{5}}}};
  network.edges = {{0, 1}, {1, 2}, {2, 3}, {3, 4}};
  return network;
}

traces::Conv2dParams& conv_of(traces::Network& network) {
  return *network.nodes[1].as<traces::Conv2dParams>();
}
traces::LinearParams& fc_of(traces::Network& network) { return *network.nodes[3].as<traces::LinearParams>(); }

double squared_error(const std::vector<float>& weights, double scale, int bits) {
  const double largest = (1 << (bits - 1)) - 1;
  double sum = 0;
  for (const float w : weights) {
    const double q = std::clamp(std::nearbyint(static_cast<double>(w) / scale), -largest, largest);
    sum += (w - scale * q) * (w - scale * q);
  }
  return sum;
}

/// Counts events: all samples hold `largest` at one place.
class Counts : public SampleSet {
 public:
  explicit Counts(std::uint8_t largest) : largest_(largest) {}
  std::int64_t size() const override { return 3; }
  std::int64_t label(std::int64_t) const override { return 0; }
  void read(std::int64_t index, std::uint8_t* out) const override {
    std::fill(out, out + 8, std::uint8_t{0});
    out[3] = index == 2 ? largest_ : 1;
  }

 private:
  std::uint8_t largest_;
};

TEST(ParseQuantisation, TakesWhatToTextWrites) {
  for (const char* text :
       {"8", "4", "2:per-tensor", "3:mse", "3:per-tensor:mse,fc2=6,stem=8", "4,a.b=2,input=5"})
    EXPECT_EQ(to_text(parse_quantisation(text, "--weight-bits")), text);
  const Quantisation q = parse_quantisation("4:per-tensor,stem=8,fc2=6", "--weight-bits");
  EXPECT_EQ(q.weight_bits, 4);
  EXPECT_FALSE(q.per_channel);
  EXPECT_EQ(q.layer_bits, (std::map<std::string, int>{{"stem", 8}, {"fc2", 6}}));
  EXPECT_EQ(q.input_bits, 8);
  EXPECT_EQ(to_text(parse_quantisation("stem=4", "x")), "8,stem=4");
  EXPECT_EQ(to_text(parse_quantisation("8:per-channel:max", "x")), "8");
}

TEST(ParseQuantisation, NamesWhatIsWrong) {
  const auto error = [](const char* text) {
    return error_of([&] { parse_quantisation(text, "--weight-bits"); });
  };
  EXPECT_EQ(error("9"), "command line: --weight-bits: found \"9\" as bits of the weights, expected 2 to 8");
  for (const char* text : {"", "1", "-4", "4.0", "44", "four", "4 ", "stem=", "stem=1", "4,stem=0x4"})
    EXPECT_TRUE(contains(error(text), "expected 2 to 8")) << text;
  EXPECT_TRUE(contains(error("4:per-tensr"), "expected per-tensor"));
  EXPECT_TRUE(contains(error("4:"), "per-tensor, per-channel, max or mse"));
  EXPECT_TRUE(contains(error("4:per-tensor:per-channel"), "once"));
  EXPECT_TRUE(contains(error("4,6"), "LAYER=BITS"));
  EXPECT_TRUE(contains(error("4,"), "LAYER=BITS"));
  EXPECT_TRUE(contains(error("4,=3"), "LAYER=BITS"));
  EXPECT_TRUE(contains(error("4,stem=3,stem=3"), "stem twice"));
  EXPECT_TRUE(contains(error("input=3,input=3"), "input twice"));
}

TEST(Quantise, BitsPerLayerAndUnknownNames) {
  traces::Network network = small_network();
  quantise_weights(network, parse_quantisation("5:per-tensor,fc=3", "x"));
  EXPECT_EQ(conv_of(network).quantised->bits, 5);
  EXPECT_EQ(conv_of(network).quantised->scale.size(), 1U);
  EXPECT_EQ(fc_of(network).quantised->bits, 3);
  EXPECT_EQ(traces::weight_memory(network).bits, 54 * 5 + 240 * 3);
  traces::validate(network, "network");

  network = small_network();
  const auto error = [&](const char* text) {
    return error_of([&] { quantise_weights(network, parse_quantisation(text, "x")); });
  };
  EXPECT_EQ(error("4,cnv=3"),
            "quantisation: layer cnv: found no convolution or linear layer of this name, expected conv");
  EXPECT_TRUE(contains(error("4,flatten=3"), "expected conv, fc"));
  EXPECT_FALSE(conv_of(network).quantised) << "nothing half done";
  Quantisation binary;
  binary.weight_bits = 1;
  EXPECT_TRUE(contains(error_of([&] { quantise_weights(network, binary); }), "weight bits"));
}

/// Every weight is within half a step of its integer, the largest integer is in use, and what is written is
/// scale * integer; biases stay.
TEST(Quantise, WeightsBecomeTheNearestMultiplesOfTheScale) {
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool per_channel : {true, false}) {
      const traces::Network exact = small_network();
      traces::Network network = exact;
      Quantisation how;
      how.weight_bits = bits;
      how.per_channel = per_channel;
      quantise_weights(network, how);
      const auto& q = *conv_of(network).quantised;
      ASSERT_EQ(q.scale.size(), per_channel ? 3U : 1U);
      const auto& original = exact.nodes[1].as<traces::Conv2dParams>()->weight.data;
      std::vector<int> peaks(q.scale.size(), 0);
      for (std::size_t i = 0; i < original.size(); ++i) {
        const std::size_t group = per_channel ? i / 18 : 0;
        EXPECT_EQ(conv_of(network).weight.data[i], q.scale[group] * static_cast<float>(q.value[i]));
        EXPECT_LE(std::abs(conv_of(network).weight.data[i] - original[i]), q.scale[group] * 0.50001F);
        peaks[group] = std::max(peaks[group], std::abs(int{q.value[i]}));
      }
      for (const int peak : peaks) EXPECT_EQ(peak, (1 << (bits - 1)) - 1);
      EXPECT_EQ(conv_of(network).bias.data, exact.nodes[1].as<traces::Conv2dParams>()->bias.data);
    }
  }
}

/// A positive factor of a channel (BatchNorm's, folded in) changes its scale and none of its integers:
/// training may round before or after it.
TEST(Quantise, PerChannelIntegersDoNotSeeAChannelsFactor) {
  for (const Scale rule : {Scale::kMax, Scale::kMse}) {
    traces::Network network = small_network(), scaled = network;
    for (std::size_t i = 0; i < 54; ++i) conv_of(scaled).weight.data[i] *= i < 18 ? 4.0F : 0.125F;  // exact
    Quantisation how;
    how.weight_bits = 4;
    how.scale = rule;
    quantise_weights(network, how);
    quantise_weights(scaled, how);
    EXPECT_EQ(conv_of(network).quantised->value, conv_of(scaled).quantised->value);
  }
}

TEST(Quantise, LeastSquaresScaleIsTheBestOfAFineGrid) {
  for (int bits = 2; bits <= 8; ++bits) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const std::vector<float> weights = bell_weights(400, seed);
      const float most = weight_scale(weights.data(), weights.size(), bits, Scale::kMax);
      const float least = weight_scale(weights.data(), weights.size(), bits, Scale::kMse);
      double best = squared_error(weights, most, bits);
      EXPECT_LE(squared_error(weights, least, bits), best);
      for (int k = 1; k < 3000; ++k)
        best = std::min(best, squared_error(weights, double{most} * k / 3000, bits));
      EXPECT_LE(squared_error(weights, least, bits), best * 1.05) << bits << " bits, seed " << seed;
    }
  }
}

TEST(Quantise, TwoBitsAreMinusOneZeroAndOne) {
  traces::Network network = small_network();
  Quantisation how;
  how.weight_bits = 2;
  how.scale = Scale::kMse;
  quantise_weights(network, how);
  std::map<int, int> seen;
  for (const auto v : fc_of(network).quantised->value) ++seen[v];
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen.begin()->first, -1);
  EXPECT_EQ(seen.rbegin()->first, 1);
}

TEST(Quantise, ChannelsOfZerosAndTinyNumbersKeepAUsableScale) {
  for (const bool per_channel : {true, false}) {
    for (const Scale rule : {Scale::kMax, Scale::kMse}) {
      traces::Network network = small_network();
      auto& weight = conv_of(network).weight.data;
      std::fill(weight.begin(), weight.begin() + 18, 0.0F);
      std::fill(weight.begin() + 18, weight.begin() + 36, std::numeric_limits<float>::denorm_min());
      std::fill(fc_of(network).weight.data.begin(), fc_of(network).weight.data.end(), -0.0F);
      Quantisation how;
      how.per_channel = per_channel;
      how.scale = rule;
      quantise_weights(network, how);
      traces::validate(network, "network");  // scales finite and above 0
      for (std::size_t i = 0; i < 36; ++i) EXPECT_EQ(conv_of(network).quantised->value[i], 0);
      EXPECT_EQ(fc_of(network).quantised->scale[0], 1);
    }
  }
}

TEST(Quantise, AHugeOutlierDoesNotOverflow) {
  for (const float outlier : {1e30F, -FLT_MAX}) {
    for (const Scale rule : {Scale::kMax, Scale::kMse}) {
      for (const int bits : {2, 8}) {
        traces::Network network = small_network();
        conv_of(network).weight.data[20] = outlier;
        Quantisation how;
        how.weight_bits = bits;
        how.scale = rule;
        quantise_weights(network, how);
        traces::validate(network, "network");
        EXPECT_EQ(std::abs(int{conv_of(network).quantised->value[20]}), (1 << (bits - 1)) - 1);
        EXPECT_NEAR(conv_of(network).weight.data[20] / outlier, 1, 0.01);
        EXPECT_NE(conv_of(network).quantised->value[0], 0) << "other channels do not see it";
      }
    }
  }
}

TEST(Quantise, NonFiniteWeightsAreRefusedByNameAndPlace) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    traces::Network network = small_network();
    fc_of(network).weight.data[7] = bad;
    EXPECT_EQ(error_of([&] { quantise_weights(network); }),
              std::string("network: node 'fc' (Linear): found ") + (std::isnan(bad) ? "NaN" : "inf") +
                  " in weight at element 7, expected finite weights to quantise");
    EXPECT_FALSE(conv_of(network).quantised);
  }
}

/// Small negative weights round to 0, not to -0: a file, its hash and its values must agree.
TEST(Quantise, NoNegativeZeros) {
  traces::Network network = small_network();
  quantise_weights(network, parse_quantisation("2", "x"));
  int zeros = 0;
  for (const float w : fc_of(network).weight.data) {
    zeros += w == 0 ? 1 : 0;
    EXPECT_FALSE(w == 0 && std::signbit(w));
  }
  EXPECT_GT(zeros, 20);
  const TemporaryFolder folder;
  network.input_bits = 8;
  network.input_scale = 0.5F;
  traces::write_nir(folder.file("n.nir"), network);
  EXPECT_EQ(traces::network_hash(traces::read_nir(folder.file("n.nir"))), traces::network_hash(network));
}

TEST(Quantise, AnImagesScaleCoversEveryChannelsPixels) {
  Dataset dataset;
  dataset.name = "images";
  dataset.mean = {0.5, 0.4};
  dataset.std = {0.25, 0.2};
  EXPECT_FLOAT_EQ(input_range(dataset).scale, 3.0F / 127);  // (1 - 0.4) / 0.2
  EXPECT_FLOAT_EQ(input_range(dataset, 4).scale, 3.0F / 7);
  traces::Network network = small_network();
  quantise(network, dataset, parse_quantisation("4,input=3", "x"));
  EXPECT_EQ(network.input_bits, 3);
  EXPECT_FLOAT_EQ(network.input_scale, 1.0F);
  EXPECT_TRUE(contains(error_of([&] { input_range(dataset, 9); }), "input bits"));
}

TEST(Quantise, EventCountsKeepScaleOneAndTheBitsTheyNeed) {
  Dataset dataset;
  dataset.name = "events";
  dataset.events = true;
  dataset.channels = dataset.height = dataset.width = 2;
  dataset.mean = {0, 0};
  dataset.std = {1.0 / 255, 1.0 / 255};
  const std::pair<int, int> table[] = {{1, 2}, {2, 3}, {3, 3}, {4, 4}, {63, 7}, {64, 8}, {127, 8}, {255, 8}};
  for (const auto& [largest, bits] : table) {
    dataset.train = nullptr;
    dataset.test = std::make_shared<Counts>(static_cast<std::uint8_t>(largest));
    EXPECT_EQ(input_range(dataset).bits, bits) << largest;
    EXPECT_EQ(input_range(dataset).scale, 1);
    dataset.train = std::make_shared<Counts>(std::uint8_t{1});
    EXPECT_EQ(input_range(dataset).bits, 2) << "the training half decides";
    EXPECT_TRUE(contains(error_of([&] { input_range(dataset, 4); }), "whole numbers already"));
  }
}

TEST(Quantise, ComparisonSaysWhatRoundingDid) {
  traces::Network network = small_network();
  fc_of(network).weight.data.assign(240, 0.5F);
  fc_of(network).weight.data[0] = 0.6F;  // scale 0.2: the others become 0.4 or 0.6
  conv_of(network).weight.data.assign(54, 0.25F);
  traces::Network rounded = network;
  quantise_weights(rounded, parse_quantisation("3:per-tensor", "x"));
  const auto layers = compare(network, rounded);
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].name, "conv");
  EXPECT_TRUE(std::isinf(layers[0].sqnr_db) && layers[0].largest_error == 0) << "0.25 is 3 / 12";
  EXPECT_EQ(layers[1].bits_before, 32);
  EXPECT_EQ(layers[1].bits, 3);
  EXPECT_FALSE(layers[1].per_channel);
  EXPECT_EQ(layers[1].weights, 240);
  EXPECT_NEAR(layers[1].largest_error, 0.1 / 0.6, 1e-5);
  EXPECT_NEAR(layers[1].sqnr_db, 10 * std::log10((239 * 0.25 + 0.36) / (239 * 0.01)), 1e-3);
  EXPECT_EQ(compare(rounded, rounded)[1].bits_before, 3);
}

}  // namespace
}  // namespace spikeloop::models
