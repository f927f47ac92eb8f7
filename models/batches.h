#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/data/dataset.h"

/// From samples to what a network takes. Includes torch.
namespace spikeloop::models {

/// What is done to a training sample; each drawn by a generator keyed by (seed, epoch, sample).
struct Augmentation {
  std::int64_t crop_padding = 0;  ///< random crop after padding by so many pixels (what comes in is 0)
  bool mirror = false;            ///< horizontal flip, half of the time
  std::int64_t cutout = 0;        ///< side of the square set to the mean; 0: none
  double cutmix = 0;  ///< Beta(a, a) of CutMix; 0: none. Partner and box are drawn per batch position
};

struct Batch {
  at::Tensor input;    ///< float [B, C, H, W] (still images) or [T, B, C, H, W] (event frames), normalised
  at::Tensor labels;   ///< int64 [B]
  at::Tensor labels2;  ///< int64 [B], CutMix's second label; undefined without
  at::Tensor share;    ///< float [B], the first label's share; undefined without
};

/// The records as they are, in this order.
Batch read_batch(const Dataset& dataset, const SampleSet& set, const std::vector<std::int64_t>& records);

/// One epoch's batches, read and augmented ahead by threads. The batches depend on seed and epoch only.
class BatchLoader {
 public:
  struct Options {
    std::int64_t batch = 64;
    std::int64_t max_records = 0;  ///< a seeded choice without repeats; 0: all
    bool shuffle = true;
    Augmentation augmentation;
    std::uint64_t seed = 1;
    std::int64_t epoch = 0;
    std::int64_t first_batch = 0;  ///< skip so many (resume in the middle of an epoch)
    int threads = 1;               ///< 0: read in the caller's thread
    int ahead = 4;                 ///< batches ready at most
  };
  BatchLoader(const Dataset& dataset, std::shared_ptr<const SampleSet> set, const Options& options);
  ~BatchLoader();
  std::int64_t batches() const;  ///< of the whole epoch
  /// The next batch; false at the end. An error of a reading thread is thrown here.
  bool next(Batch& batch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spikeloop::models
