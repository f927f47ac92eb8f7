#pragma once
#include <cstddef>
#include <vector>

#include "nas/space.h"

/// What to expect of a candidate from those that were seen: Gaussian process regression over the structure of
/// cells (Rasmussen and Williams 2006, algorithm 2.1). No LibTorch.
namespace spikeloop::nas {

/// What the model sees of a candidate.
struct Features {
  /// Per edge of both cells (one when they are equal) and direction.
  std::vector<models::CellOp> edges;
  std::vector<double>
      numbers;  ///< of the graph (convolutions, longest chain of them, ...) and of the axes' values
};
/// Of the canonical form.
Features features_of(const Candidate& candidate, const Space& space);

class Surrogate {
 public:
  struct Prediction {
    double mean = 0, deviation = 0;  ///< in the unit of the values; without the noise of a single value
  };
  /// At least one. `values`: finite, more is better.
  Surrogate(std::vector<Features> seen, const std::vector<double>& values);
  Prediction predict(const Features& features) const;
  /// Predictions of many, cheaper than one after the other.
  std::vector<Prediction> predict(const std::vector<Features>& features) const;

 private:
  struct Model;
};

}  // namespace spikeloop::nas
