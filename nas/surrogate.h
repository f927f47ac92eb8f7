#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nas/space.h"

/// What to expect of a candidate from those that were seen: Gaussian process regression over the structure of
/// cells (Rasmussen and Williams 2006, algorithm 2.1). No LibTorch; the same bits for the same input.
///
/// The covariance of two candidates, of values that are brought to mean 0 and deviation 1, is
///   (exp(-sum over edges of d / 2.5) + exp(-mean over graph numbers of difference^2)) exp(-2 |axes|^2)
/// with d = 0 for equal edges, 0.5 per unit of threshold between equal convolutions and 0.5 more between 1x1
/// and 3x3 (1 at most), 0.5 between skip and pooling, 1 otherwise. Scales and noise were chosen once, on
/// SpikeNAS-Bench for CIFAR-10.
namespace spikeloop::nas {

/// What the model sees of a candidate. Of one space all have the same lengths.
struct Features {
  /// Forward, then backward edges; of cell 2 only where it is of its own. 0: nothing, n: space.ops[n - 1].
  std::vector<std::uint8_t> edges;
  std::vector<double> graph;  ///< convolutions, longest chain of them, ...; see standardise()
  std::vector<double> axes;   ///< numbers: 0 (smallest value) to 1; words: sqrt(1/2) in the place of the one
};
/// `candidate`: of the space, canonical.
Features features_of(const Candidate& candidate, const Space& space);
/// Divides each graph number by its deviation over all of `features`; one that never varies becomes 0.
void standardise(std::vector<Features>& features);

/// Of a value that is still to be seen, with the noise of a single one, in the unit of the values.
struct Prediction {
  double mean = 0, deviation = 0;
};
/// How far the value exceeds `best` on average: E max(0, value - best).
double expected_improvement(const Prediction& prediction, double best);

class Surrogate {
 public:
  /// At least one. `values`: finite, more is better. Failures among them are winsorised: no value counts as
  /// less than the 20th percentile minus a deviation (of a normal distribution with this 20th and 80th).
  /// `repeats`: of how many trainings each value is the mean, and none of them failed; empty: of one each.
  Surrogate(const Space& space, const std::vector<Features>& seen, const std::vector<double>& values,
            const std::vector<double>& repeats = {});
  std::vector<Prediction> predict(const std::vector<Features>& features) const;
  /// Goes on as if a candidate had been seen with the value it is predicted to have (Ginsbourger et al. 2010,
  /// "kriging believer"): no mean changes, deviations near it shrink.
  void believe(const Features& features);

 private:
  struct Chunk;
  /// Of seen candidate `index` with those of a chunk, into `to`.
  void covariances(std::size_t index, const Chunk& chunk, double* to) const;
  /// Appends a row to the Cholesky factor.
  void add(const Features& features, double noise);

  std::size_t kinds_ = 0;         ///< of edges: the space's operations and nothing
  std::vector<double> likeness_;  ///< exp(-d / 2.5) of two kinds
  std::vector<Features> seen_;
  std::vector<std::vector<double>> factor_;  ///< lower triangle L, L L^T = covariances + noise
  std::vector<double> weights_;              ///< (L L^T)^-1 values
  double mean_ = 0, deviation_ = 1;          ///< of the values
};

}  // namespace spikeloop::nas
