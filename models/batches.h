#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/data/dataset.h"

/// From samples to what a network takes. Includes torch.
namespace spikeloop::models {

/// What is done to a training sample, in this order; the same for all frames of an event sample. Each drawn
/// by a generator keyed by (seed, epoch, sample), CutMix by (seed, epoch, place in the epoch).
struct Augmentation {
  std::int64_t crop_padding = 0;  ///< random crop after padding by so many pixels (what comes in is 0)
  bool mirror = false;            ///< horizontal flip, half of the time
  /// Side of the square set to the mean (spikes: to none) around a random pixel, cut off at the border; 0:
  /// none. T. DeVries, G. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
  /// 2017.
  std::int64_t cutout = 0;
  /// a of CutMix's Beta(a, a); 0: none. Each sample gets a box of another one of its batch, of 1 - lambda of
  /// the image, cut off at the border. S. Yun et al., "CutMix", ICCV 2019 (there one lambda and box a batch).
  double cutmix = 0;
};

struct Batch {
  at::Tensor input;   ///< float [B, C, H, W] (still images) or [T, B, C, H, W] (event frames, spikes); images
                      ///< normalised
  at::Tensor labels;  ///< int64 [B]
  at::Tensor labels2;  ///< int64 [B], CutMix's second label; undefined without
  at::Tensor share;    ///< float [B], the first label's share; undefined without
};

/// Spikes of rate coding: spikes[t, b, ...] = u < images[b, ...] with u uniform in [0, 1) of the stream
/// seeds[b]: values from 1 on always fire. float [T, B, ...].
at::Tensor rate_code(const at::Tensor& images, std::int64_t timesteps,
                     const std::vector<std::uint64_t>& seeds);

/// The records as they are, in this order. With Dataset::rate_steps every record has spikes of its own, the
/// same whenever it is read; in training (BatchLoader) they are new ones in every epoch. Throws InputError
/// for a record that the set does not have.
Batch read_batch(const Dataset& dataset, const SampleSet& set, const std::vector<std::int64_t>& records);
/// `count` records from `first` on, as far as the set has them.
Batch read_batch(const Dataset& dataset, const SampleSet& set, std::int64_t first, std::int64_t count);

/// One epoch's batches, read and augmented ahead by threads. The batches depend on seed and epoch only.
class BatchLoader {
 public:
  struct Options {
    std::int64_t batch = 64;
    std::int64_t max_records = 0;  ///< a seeded choice without repeats; 0: all
    bool shuffle = true;           ///< else the first max_records in their order
    Augmentation augmentation;
    std::uint64_t seed = 1;
    std::int64_t epoch = 0;
    std::int64_t first_batch = 0;  ///< skip so many (resume in the middle of an epoch)
    int threads = 1;               ///< 0: read in the caller's thread
    int ahead = 4;                 ///< batches ready at most
  };
  /// `dataset` must outlive the loader. Throws InputError for options out of range.
  BatchLoader(const Dataset& dataset, std::shared_ptr<const SampleSet> set, const Options& options);
  ~BatchLoader();
  std::int64_t batches() const;  ///< of the whole epoch
  std::int64_t records() const;  ///< of the whole epoch
  /// The next batch; false at the end. An error of a reading thread is thrown here, at its batch.
  bool next(Batch& batch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spikeloop::models
