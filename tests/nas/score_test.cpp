#include "nas/score.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <thread>

#include "models/data/shapes.h"
#include "nas/sahd.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

models::SnasnetSpec spec_of(const std::string& cells) {
  models::SnasnetSpec spec;
  models::parse_cells(cells, "test", spec.cell1, spec.cell2);
  spec.channels = 4;
  spec.timesteps = 2;
  spec.stem_stride = 2;
  spec.hidden = 0;
  return spec;
}

ScoreOptions small_options() {
  ScoreOptions options;
  options.batch = 12;
  options.seed = 3;
  return options;
}

bool equal(const Score& a, const Score& b) {
  for (const std::string& name : score_names())
    if (value(name, a) != value(name, b)) return false;
  return true;
}

TEST(Scorer, AgreesWithAForwardOfTheWholeNetwork) {
  // In the released order, every LIF module by itself: backward edges, thresholds and a super-cell too.
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Scorer scorer(dataset, small_options());
  for (const char* cell : {"0303/0030/2002/0200", "03(0.5)13/003(2)2/0003/0000",
                           "0[013]0[0234]/0003/0000/0000", "0001/0000/0000/0000"}) {
    const auto spec = spec_of(cell);
    models::GraphNet net = scorer.network(spec);
    SahdKernel kernel;
    net->observer = in_released_order(spec, [&](const std::string&, int, const at::Tensor& spikes,
                                                const at::Tensor&) { kernel.add(spikes); });
    const at::NoGradGuard no_grad;
    net->forward(scorer.input(spec, 0));
    const Score score = scorer.score(spec);
    EXPECT_EQ(kernel.calls(), score.lif_modules * spec.timesteps) << cell;
    ASSERT_TRUE(std::isfinite(score.sahd)) << cell;
    EXPECT_NEAR(score.sahd, kernel.log_det().value, 1e-9) << cell;
    EXPECT_NEAR(score.hamming, kernel.hamming_log_det().value, 1e-9) << cell;
    EXPECT_NEAR(score.firing_rate, kernel.firing_rate(), 1e-12) << cell;
    EXPECT_NEAR(score.active_share, kernel.active_share(), 1e-12) << cell;
  }
}

TEST(Scorer, NumbersOfTheGraph) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Scorer scorer(dataset, small_options());
  // 0 -> 1 -> 2 -> 3 of convolutions beside a skip: paths 2 per cell.
  const Score chain = scorer.score(spec_of("0301/0030/0003/0000"));
  EXPECT_EQ(chain.convolutions, 6);
  EXPECT_EQ(chain.depth, 6);
  EXPECT_EQ(chain.paths, 4);
  EXPECT_EQ(chain.lif_modules, 8);
  const Score mixed = scorer.score(spec_of("0002/0000/0000/0000|0[13]03/0001/0000/0000"));
  EXPECT_EQ(mixed.convolutions, 3);
  EXPECT_EQ(mixed.depth, 2);
  EXPECT_EQ(mixed.paths, 3);
}

TEST(Scorer, WeightsDependOnThePlaceOnly) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Scorer scorer(dataset, small_options());
  const auto weights = [&](const char* cell) {
    std::map<std::string, at::Tensor> all;
    const models::GraphNet net = scorer.network(spec_of(cell));
    for (const auto& parameter : net->named_parameters()) all[parameter.key()] = parameter.value();
    return all;
  };
  const auto one = weights("0003/0000/0000/0000"), two = weights("0323/0003/0003/0000");
  for (const auto& [name, weight] : one) EXPECT_TRUE(at::equal(weight, two.at(name))) << name;
  EXPECT_FALSE(
      at::equal(two.at("cell1.cell_architecture.0.1.weight"), two.at("cell1.cell_architecture.3.1.weight")));
}

TEST(Scorer, ScoreAllIsScoringOneByOne) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  ScoreOptions options = small_options();
  options.repeats = 2;
  const Scorer scorer(dataset, options);
  std::vector<models::SnasnetSpec> specs;
  for (const char* first : {"0303/0030/0002/0000", "0003/0000/0000/0000"}) {
    for (const char* second : {"0001/0000/0000/0000", "0302/0003/0000/0000"})
      specs.push_back(spec_of(std::string(first) + '|' + second));
  }
  std::swap(specs[0], specs[3]);
  const std::vector<Score> all = scorer.score_all(specs);
  ASSERT_EQ(all.size(), 4U);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_TRUE(equal(all[i], score_network(specs[i], dataset, options))) << i;
  EXPECT_FALSE(equal(all[0], all[1]));
}

TEST(Scorer, DependsOnSpecAndSeedOnly) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  ScoreOptions options = small_options();
  const auto spec = spec_of("0303/0030/2002/0200");
  const Scorer scorer(dataset, options);
  const Score first = scorer.score(spec);
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  EXPECT_TRUE(equal(scorer.score(spec), first));
  EXPECT_EQ(at::get_num_threads(), 2);
  at::set_num_threads(threads);
  Score other, third;
  std::thread a([&] { other = scorer.score(spec); }),
      b([&] { third = Scorer(dataset, options).score(spec); });
  a.join();
  b.join();
  EXPECT_TRUE(equal(other, first));
  EXPECT_TRUE(equal(third, first));
  EXPECT_EQ(first.lif_modules, 14);
  EXPECT_EQ(first.convolutions, 12);
  EXPECT_GT(first.firing_rate, 0);
  EXPECT_LT(first.firing_rate, 1);
  options.seed = 2;
  EXPECT_NE(score_network(spec, dataset, options).sahd, first.sahd);
}

TEST(Scorer, RepeatsAreAveraged) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  ScoreOptions options = small_options();
  const auto spec = spec_of("0003/0000/0000/0000");
  const double one = score_network(spec, dataset, options).sahd;
  options.repeats = 2;
  const double two = score_network(spec, dataset, options).sahd;
  EXPECT_NE(one, two);
  EXPECT_NEAR(one, two, 10);
}

TEST(Scorer, LowerFidelityIsTheSmallerNetwork) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  ScoreOptions options = small_options(), reduced = options;
  auto spec = spec_of("0303/0030/0002/0000");
  reduced.channels = 8;
  reduced.timesteps = 2;
  const Score less = score_network(spec, dataset, reduced);
  spec.channels = 8;
  spec.timesteps = 2;
  EXPECT_TRUE(equal(less, score_network(spec, dataset, options)));
  reduced.image_shrink = 2;
  const Scorer shrunk(dataset, reduced);
  EXPECT_EQ(shrunk.input(spec, 0).size(3), dataset.width / 2);
  EXPECT_NE(shrunk.score(spec).sahd, less.sahd);
  reduced.double_precision = false;
  EXPECT_TRUE(std::isfinite(score_network(spec, dataset, reduced).sahd));
}

TEST(Scorer, BadOptionsAreRefused) {
  const models::Dataset dataset = models::make_shapes(8, 0, 1);
  const auto refused = [&](auto change) {
    ScoreOptions options;
    options.batch = 8;
    change(options);
    EXPECT_THROW(Scorer(dataset, options), InputError);
  };
  refused([](ScoreOptions& o) { o.batch = 9; });
  refused([](ScoreOptions& o) { o.repeats = 0; });
  refused([](ScoreOptions& o) { o.channels = -1; });
  refused([](ScoreOptions& o) { o.timesteps = -1; });
  refused([](ScoreOptions& o) { o.image_shrink = 3; });
}

TEST(ScoreFormula, ReadsTermsAndWritesThem) {
  Score score;
  score.sahd = 100;
  score.convolutions = 4;
  score.firing_rate = 0.25;
  const ScoreFormula formula = parse_formula(" sahd+ 2*convolutions -0.5 * firing_rate", "--score");
  EXPECT_EQ(value(formula, score), 100 + 8 - 0.125);
  EXPECT_EQ(to_text(formula), "sahd + 2*convolutions - 0.5*firing_rate");
  EXPECT_EQ(to_text(parse_formula("-1e-3*sahd - 1*hamming", "--score")), "-0.001*sahd - hamming");
  EXPECT_EQ(value(parse_formula("-convolutions", "--score"), score), -4);
  EXPECT_EQ(value(ScoreFormula{}, score), 100);
  for (const std::string& name : score_names()) EXPECT_EQ(to_text(parse_formula(name, "--score")), name);
}

TEST(ScoreFormula, RefusesWhatIsNone) {
  for (const char* text : {"", " ", "+", "sahd +", "2", "2 sahd", "2*", "sahd hamming", "inf*sahd",
                           "sahd,hamming", "--sahd", "1e999*sahd"})
    EXPECT_THROW(parse_formula(text, "--score"), InputError) << text;
  try {
    parse_formula("sahd + 2*convolution", "--score");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("expected convolutions"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace spikeloop::nas
