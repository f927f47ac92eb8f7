#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/snasnet_spec.h"

/// Scores of untrained networks, all from one forward pass.
namespace spikeloop::nas {

struct ScoreOptions {
  std::int64_t batch = 64;
  int repeats = 1;
  std::uint64_t seed = 1;  ///< of the weights and the choice of images
  // Fidelity: a score of a smaller network costs less and ranks candidates nearly alike (score-study tells).
  std::int64_t channels = 0;  ///< in place of the network's; 0: the network's
  int timesteps = 0;          ///< in place of the network's; 0: the network's. Of frames the first ones
  int image_shrink = 1;  ///< images and frames averaged over squares of so many pixels; divides their side
  /// Weights and activations in double precision. In single, other machines may round a membrane to the other
  /// side of its threshold; spikes are counted in integers either way.
  bool double_precision = true;
};

struct Score {
  /// log |det| of the sparsity-aware Hamming kernel (sahd.h; Kim et al., ECCV 2022); mean over repeats.
  double sahd = 0;
  /// The same of plain Hamming distances (Mellor et al., ICML 2021; SNASNet's baseline).
  double hamming = 0;
  /// Share of neurons that fire for some images of the batch but not for all, mean over LIF calls: what can
  /// tell images apart at all. A plain statistic, ours.
  double active_share = 0;
  double firing_rate = 0;  ///< mean over all LIF calls
  // Of the graph alone.
  std::int64_t convolutions = 0;  ///< in the cells
  std::int64_t lif_modules = 0;   ///< of the released code, one for each convolution
  /// Convolutions on the longest path of forward edges through both cells, and the number of such paths
  /// (Veit et al., NIPS 2016: a residual network is an ensemble of its paths).
  std::int64_t depth = 0, paths = 0;
};

/// A linear combination of scores.
struct ScoreFormula {
  std::vector<std::pair<double, std::string>> terms{{1.0, "sahd"}};
};
/// Terms [number*]name joined by + or -: "sahd", "2*convolutions - 0.5*hamming". Names: sahd, hamming,
/// active_share, firing_rate, convolutions, lif_modules, depth, paths. Throws InputError naming `place`, with
/// the nearest name.
ScoreFormula parse_formula(const std::string& text, const std::string& place);
/// The shortest text that parses to it: "2*convolutions - 0.5*hamming".
std::string to_text(const ScoreFormula& formula);
/// Of one of score_names().
double value(const std::string& name, const Score& score);
double value(const ScoreFormula& formula, const Score& score);
const std::vector<std::string>& score_names();

/// Scores candidates on one batch of a data set. Weights are those of the network with every operation on
/// every edge, drawn by the seed: a convolution's depend on the seed and its place in the macro-architecture
/// only, so that networks that begin alike compute alike, and what they have in common runs once: the stem
/// for all candidates, and in score_all everything up to the second cell for those with the same first cell.
/// BatchNorm takes the batch's statistics per timestep, dropout is off, membranes start at 0. Same spec and
/// options, same scores, whatever the thread count; several threads may score at once.
class Scorer {
 public:
  /// `dataset` must outlive the scorer. Throws InputError for options out of range.
  Scorer(const models::Dataset& dataset, const ScoreOptions& options);
  ~Scorer();
  Score score(const models::SnasnetSpec& spec) const;
  /// As score(), one by one and bit for bit; candidates that share the first cell share its work.
  std::vector<Score> score_all(const std::vector<models::SnasnetSpec>& specs) const;
  /// The network that is scored, as a whole.
  models::GraphNet network(const models::SnasnetSpec& spec) const;
  /// Its input of one repeat, [B, C, H, W] or [T, B, C, H, W].
  at::Tensor input(const models::SnasnetSpec& spec, int repeat) const;

 private:
  struct Macro;
  struct Front;
  models::SnasnetSpec reduced(const models::SnasnetSpec& spec) const;
  const Macro& macro_of(const models::SnasnetSpec& reduced_spec) const;
  Front front_of(const Macro& macro, const models::SnasnetSpec& reduced_spec, int repeat) const;
  Score finish(const Macro& macro, const std::vector<Front>& fronts,
               const models::SnasnetSpec& reduced_spec) const;

  const models::Dataset& dataset_;
  const ScoreOptions options_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<const Macro>> macros_;  ///< by the spec without its cells
};

/// Scorer(dataset, options).score(spec)
Score score_network(const models::SnasnetSpec& spec, const models::Dataset& dataset,
                    const ScoreOptions& options);

}  // namespace spikeloop::nas
