#include "models/batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

// Streams derived from the seed.
constexpr std::uint64_t kOrderStream = 1, kAugmentStream = 2, kCutMixStream = 4;  // 3: dropout, in training
constexpr std::uint64_t kRateStream = 6;                                          // 5: the split, in training
constexpr std::uint64_t kTestSpikes = 1;  ///< seed of the spikes of records as they are

std::uint64_t stream(std::uint64_t seed, std::uint64_t kind, std::int64_t epoch) {
  return derive_seed(derive_seed(seed, kind), static_cast<std::uint64_t>(epoch));
}

std::int64_t below(RandomStream& random, std::int64_t n) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n)));
}

/// Byte -> value of the network's input, or of a spike's probability, per channel.
using Lookup = std::vector<std::array<float, 256>>;

Lookup lookup_of(const Dataset& dataset) {
  Lookup lookup(static_cast<std::size_t>(dataset.channels));
  for (std::size_t c = 0; c < lookup.size(); ++c) {
    for (std::size_t v = 0; v < 256; ++v) {
      const auto value = static_cast<float>(v);
      if (dataset.events)
        lookup[c][v] = value;
      else if (dataset.rate_steps > 0)
        lookup[c][v] = value / 255.0F;
      else
        lookup[c][v] =
            (value / 255.0F - static_cast<float>(dataset.mean[c])) / static_cast<float>(dataset.std[c]);
    }
  }
  return lookup;
}

/// Where a sample's pixels come from: row y of the result is row y + shift_y, column x is columns[x] (-1:
/// outside).
struct Placement {
  std::int64_t shift_y = 0;
  std::vector<std::int64_t> columns;
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< of the square that is cut out
};

Placement no_change(const Dataset& dataset) {
  Placement placement;
  placement.columns.resize(static_cast<std::size_t>(dataset.width));
  std::iota(placement.columns.begin(), placement.columns.end(), 0);
  return placement;
}

/// Shift and mirror are always drawn, so that one does not change what the other draws.
Placement draw_placement(const Dataset& dataset, const Augmentation& augmentation, std::uint64_t seed) {
  RandomStream random(seed);
  Placement placement = no_change(dataset);
  const std::int64_t padding = augmentation.crop_padding;
  placement.shift_y = below(random, 2 * padding + 1) - padding;
  const std::int64_t shift_x = below(random, 2 * padding + 1) - padding;
  const bool mirror = below(random, 2) == 1 && augmentation.mirror;
  for (std::int64_t x = 0; x < dataset.width; ++x) {
    const std::int64_t from = (mirror ? dataset.width - 1 - x : x) + shift_x;
    placement.columns[static_cast<std::size_t>(x)] = from >= 0 && from < dataset.width ? from : -1;
  }
  if (augmentation.cutout > 0) {
    const auto around = [&](std::int64_t size, std::int64_t& begin, std::int64_t& end) {
      begin = below(random, size) - augmentation.cutout / 2;
      end = std::min(size, begin + augmentation.cutout);
      begin = std::max<std::int64_t>(0, begin);
    };
    around(dataset.height, placement.top, placement.bottom);
    around(dataset.width, placement.left, placement.right);
  }
  return placement;
}

/// One channel of one frame.
void write_plane(const Dataset& dataset, const std::uint8_t* in, const std::array<float, 256>& values,
                 const Placement& placement, float* out) {
  const std::int64_t height = dataset.height, width = dataset.width;
  for (std::int64_t y = 0; y < height; ++y, out += width) {
    const std::int64_t from = y + placement.shift_y;
    if (from < 0 || from >= height) {
      std::fill_n(out, width, values[0]);
    } else {
      const std::uint8_t* row = in + from * width;
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t column = placement.columns[static_cast<std::size_t>(x)];
        out[x] = values[column < 0 ? 0 : row[column]];
      }
    }
    if (y >= placement.top && y < placement.bottom)
      std::fill(out + placement.left, out + placement.right, 0.0F);
  }
}

/// Standard normal, Box and Muller.
double normal(RandomStream& random) {
  const double u = 1 - random.unit(), v = random.unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
}

/// Logarithm of a gamma variable (a small `a` gives ones that no double holds). G. Marsaglia, W. W. Tsang, "A
/// simple method for generating gamma variables", 2000.
double log_gamma_variable(RandomStream& random, double a) {
  if (a < 1) {
    const double smaller = std::log(1 - random.unit()) / std::max(a, 1e-100);
    return log_gamma_variable(random, a + 1) + smaller;
  }
  const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(random), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - random.unit()) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v);
  }
}

class Reader {
 public:
  Reader(const Dataset& dataset, const SampleSet& set)
      : dataset_(dataset), set_(set), lookup_(lookup_of(dataset)) {}

  template <class PlacementOf>
  Batch read(const std::int64_t* records, std::int64_t count, PlacementOf&& placement_of) const {
    std::vector<std::int64_t> shape{count, dataset_.channels, dataset_.height, dataset_.width};
    if (dataset_.events) shape.insert(shape.begin(), dataset_.frames);
    Batch batch{at::empty(shape, at::kFloat), at::empty({count}, at::kLong), {}, {}};
    std::vector<std::uint8_t> sample(static_cast<std::size_t>(dataset_.sample_bytes()));
    const std::int64_t plane = dataset_.height * dataset_.width;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t record = records[i];
      if (record < 0 || record >= set_.size()) {
        throw InputError(dataset_.name, "sample", std::to_string(record),
                         "0 to " + std::to_string(set_.size() - 1));
      }
      set_.read(record, sample.data());
      batch.labels.data_ptr<std::int64_t>()[i] = set_.label(record);
      const Placement placement = placement_of(record);
      const std::uint8_t* in = sample.data();
      for (std::int64_t frame = 0; frame < dataset_.frames; ++frame) {
        float* out = batch.input.data_ptr<float>() + (frame * count + i) * dataset_.channels * plane;
        for (const auto& values : lookup_) {
          write_plane(dataset_, in, values, placement, out);
          in += plane;
          out += plane;
        }
      }
    }
    return batch;
  }

  /// Gives every sample a box of another one. Sample i is drawn by stream `seed`, item first + i.
  void cut_mix(Batch& batch, double a, std::uint64_t seed, std::int64_t first) const {
    const std::int64_t count = batch.labels.size(0), height = dataset_.height, width = dataset_.width;
    const at::Tensor source = batch.input.clone();
    batch.labels2 = batch.labels.clone();
    batch.share = at::ones({count}, at::kFloat);
    if (count < 2) return;
    for (std::int64_t i = 0; i < count; ++i) {
      RandomStream random(derive_seed(seed, static_cast<std::uint64_t>(first + i)));
      const std::int64_t partner = (i + 1 + below(random, count - 1)) % count;
      const double one = log_gamma_variable(random, a), other = log_gamma_variable(random, a);
      const double ratio = std::sqrt(1 / (1 + std::exp(one - other)));
      const auto side = [&](std::int64_t size, std::int64_t& begin, std::int64_t& end) {
        const auto length = static_cast<std::int64_t>(ratio * static_cast<double>(size));
        begin = below(random, size) - length / 2;
        end = std::min(size, begin + length);
        begin = std::max<std::int64_t>(0, begin);
      };
      std::int64_t top = 0, bottom = 0, left = 0, right = 0;
      side(height, top, bottom);
      side(width, left, right);
      copy_box(source, partner, batch.input, i, {top, bottom, left, right});
      batch.labels2.data_ptr<std::int64_t>()[i] = batch.labels.data_ptr<std::int64_t>()[partner];
      const auto area = static_cast<double>((bottom - top) * (right - left));
      batch.share.data_ptr<float>()[i] = static_cast<float>(1 - area / static_cast<double>(height * width));
    }
  }

  /// Images become spikes, if the network takes these; `draws` and the record key them.
  void rate_code(Batch& batch, const std::int64_t* records, std::uint64_t draws) const {
    if (dataset_.events || dataset_.rate_steps == 0) return;
    std::vector<std::uint64_t> seeds;
    for (std::int64_t i = 0; i < batch.labels.size(0); ++i)
      seeds.push_back(derive_seed(draws, static_cast<std::uint64_t>(records[i])));
    batch.input = models::rate_code(batch.input, dataset_.rate_steps, seeds);
  }

 private:
  struct Box {
    std::int64_t top, bottom, left, right;
  };

  void copy_box(const at::Tensor& from, std::int64_t partner, at::Tensor& to, std::int64_t sample,
                Box box) const {
    const std::int64_t count = to.size(dataset_.events ? 1 : 0), width = dataset_.width;
    const std::int64_t plane = dataset_.height * width;
    for (std::int64_t p = 0; p < dataset_.frames * dataset_.channels; ++p) {
      const std::int64_t frame = p / dataset_.channels, channel = p % dataset_.channels;
      const auto place = [&](std::int64_t i) {
        return ((frame * count + i) * dataset_.channels + channel) * plane;
      };
      for (std::int64_t y = box.top; y < box.bottom; ++y) {
        std::copy_n(from.data_ptr<float>() + place(partner) + y * width + box.left, box.right - box.left,
                    to.data_ptr<float>() + place(sample) + y * width + box.left);
      }
    }
  }

  const Dataset& dataset_;
  const SampleSet& set_;
  Lookup lookup_;
};

/// The records of one epoch, in its order.
std::vector<std::int64_t> epoch_order(std::int64_t records, const BatchLoader::Options& options) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(records));
  std::iota(order.begin(), order.end(), 0);
  const std::int64_t count = options.max_records > 0 ? std::min(options.max_records, records) : records;
  RandomStream random(stream(options.seed, kOrderStream, options.epoch));
  for (std::int64_t i = 0; options.shuffle && i < count; ++i) {
    const std::int64_t other = i + below(random, records - i);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  order.resize(static_cast<std::size_t>(count));
  return order;
}

void check(const Dataset& dataset, const SampleSet* set, const BatchLoader::Options& options) {
  const auto require = [&](bool good, const char* place, auto found, const char* expected) {
    if (!good) throw InputError(dataset.name, place, std::to_string(found), expected);
  };
  require(set != nullptr && set->size() > 0, "samples", set == nullptr ? 0 : set->size(), "at least 1");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.max_records >= 0, "samples per epoch", options.max_records, "0 (all) or more");
  require(options.first_batch >= 0, "first batch", options.first_batch, "0 or more");
  require(options.threads >= 0 && options.threads <= 256, "threads", options.threads, "0 to 256");
  require(options.ahead >= 1, "batches ahead", options.ahead, "at least 1");
  const Augmentation& augmentation = options.augmentation;
  require(augmentation.crop_padding >= 0 && augmentation.crop_padding <= 1024, "crop padding",
          augmentation.crop_padding, "0 to 1024");
  require(augmentation.cutout >= 0, "cutout", augmentation.cutout, "0 or more");
  require(augmentation.cutmix >= 0 && augmentation.cutmix <= 100, "cutmix", augmentation.cutmix, "0 to 100");
}

}  // namespace

at::Tensor rate_code(const at::Tensor& images, std::int64_t timesteps,
                     const std::vector<std::uint64_t>& seeds) {
  const at::Tensor x = images.contiguous();
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.insert(shape.begin(), timesteps);
  at::Tensor spikes = at::empty(shape, at::kFloat);
  const std::int64_t size = x.size(0) > 0 ? x.numel() / x.size(0) : 0;
  const auto* pixels = x.data_ptr<float>();
  auto* out = spikes.data_ptr<float>();
  for (std::int64_t t = 0; t < timesteps; ++t) {
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      for (std::int64_t i = 0; i < size; ++i) {
        const double u =
            unit(seeds.at(static_cast<std::size_t>(b)), static_cast<std::uint64_t>(t * size + i));
        *out++ = u < static_cast<double>(pixels[b * size + i]) ? 1.0F : 0.0F;
      }
    }
  }
  return spikes;
}

Batch read_batch(const Dataset& dataset, const SampleSet& set, const std::vector<std::int64_t>& records) {
  const Placement placement = no_change(dataset);
  const Reader reader(dataset, set);
  Batch batch = reader.read(records.data(), static_cast<std::int64_t>(records.size()),
                            [&](std::int64_t) -> const Placement& { return placement; });
  reader.rate_code(batch, records.data(), derive_seed(kTestSpikes, kRateStream));
  return batch;
}

Batch read_batch(const Dataset& dataset, const SampleSet& set, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> records(
      static_cast<std::size_t>(std::max<std::int64_t>(0, std::min(count, set.size() - first))));
  std::iota(records.begin(), records.end(), first);
  return read_batch(dataset, set, records);
}

struct BatchLoader::State {
  State(const Dataset& data, std::shared_ptr<const SampleSet> samples, const Options& wanted)
      : dataset(data),
        set(std::move(samples)),
        options(wanted),
        reader(dataset, *set),
        order(epoch_order(set->size(), options)),
        upcoming(options.first_batch),
        taken(options.first_batch) {
    threads.reserve(static_cast<std::size_t>(options.threads));
    try {
      for (int i = 0; i < options.threads; ++i) threads.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The machine has no more threads: those that started, or the caller's, make the same batches.
    }
  }
  ~State() {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      stop = true;
    }
    changed.notify_all();
    for (auto& thread : threads) thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::int64_t records() const { return static_cast<std::int64_t>(order.size()); }
  std::int64_t batches() const { return (records() + options.batch - 1) / options.batch; }

  Batch make(std::int64_t number) const {
    const std::int64_t begin = number * options.batch, count = std::min(options.batch, records() - begin);
    const Augmentation& augmentation = options.augmentation;
    const std::uint64_t draws = stream(options.seed, kAugmentStream, options.epoch);
    const bool changes = augmentation.crop_padding > 0 || augmentation.mirror || augmentation.cutout > 0;
    const Placement same = no_change(dataset);
    Batch batch = reader.read(order.data() + begin, count, [&](std::int64_t record) {
      return changes ? draw_placement(dataset, augmentation,
                                      derive_seed(draws, static_cast<std::uint64_t>(record)))
                     : same;
    });
    if (augmentation.cutmix > 0) {
      reader.cut_mix(batch, augmentation.cutmix, stream(options.seed, kCutMixStream, options.epoch), begin);
    }
    reader.rate_code(batch, order.data() + begin, stream(options.seed, kRateStream, options.epoch));
    return batch;
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stop || upcoming >= batches() || upcoming < taken + options.ahead; });
      if (stop || upcoming >= batches()) return;
      const std::int64_t number = upcoming++;
      lock.unlock();
      Made made;
      try {
        made.batch = make(number);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      ready[number] = std::move(made);
      changed.notify_all();
    }
  }

  bool next(Batch& batch) {
    if (taken >= batches()) return false;
    if (threads.empty()) {
      batch = make(taken++);
      return true;
    }
    Made made;
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return ready.count(taken) > 0; });
      made = std::move(ready.at(taken));
      ready.erase(taken++);
    }
    changed.notify_all();
    if (made.error) std::rethrow_exception(made.error);
    batch = std::move(made.batch);
    return true;
  }

  struct Made {
    Batch batch;
    std::exception_ptr error;
  };

  const Dataset& dataset;
  const std::shared_ptr<const SampleSet> set;
  const Options options;
  const Reader reader;
  const std::vector<std::int64_t> order;
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t upcoming;  ///< the batch that a thread takes next
  std::int64_t taken;     ///< the batch that next() gives
  std::map<std::int64_t, Made> ready;
  bool stop = false;
  std::vector<std::thread> threads;  ///< last: they use all the others
};

BatchLoader::BatchLoader(const Dataset& dataset, std::shared_ptr<const SampleSet> set,
                         const Options& options) {
  check(dataset, set.get(), options);
  state_ = std::make_unique<State>(dataset, std::move(set), options);
}

BatchLoader::~BatchLoader() = default;

std::int64_t BatchLoader::batches() const { return state_->batches(); }
std::int64_t BatchLoader::records() const { return state_->records(); }
bool BatchLoader::next(Batch& batch) { return state_->next(batch); }

}  // namespace spikeloop::models
