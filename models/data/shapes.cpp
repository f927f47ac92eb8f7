#include "models/data/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

constexpr int kSize = 32;
constexpr std::uint64_t kTestOffset = 1ULL << 32;  // test images come from indices no training set reaches

using Colour = std::array<double, 3>;

/// Inside the shape of radius 1 around the origin? Five shapes of similar area.
bool inside(int shape, double u, double v) {
  switch (shape) {
    case 0:
      return u * u + v * v < 0.72;  // disc
    case 1:
      return std::abs(u) < 0.75 && std::abs(v) < 0.75;  // square
    case 2:
      return v > -0.6 && v < 1.0 - 1.7 * std::abs(u);  // triangle
    case 3:
      return std::min(std::abs(u), std::abs(v)) < 0.28 && std::max(std::abs(u), std::abs(v)) < 1.0;  // cross
    default: {
      const double r2 = u * u + v * v;
      return r2 > 0.3 && r2 < 0.95;  // ring
    }
  }
}

double distance(const Colour& a, const Colour& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/// Class = shape (index % 5) and texture (plain or striped).
void draw(std::uint64_t seed, std::uint64_t index, std::uint8_t* pixels) {
  const int label = static_cast<int>(index % 10);
  RandomStream random(derive_seed(seed, index));
  const auto between = [&](double low, double high) { return low + (high - low) * random.unit(); };
  const auto colour = [&] { return Colour{random.unit(), random.unit(), random.unit()}; };

  const double radius = between(7.0, 13.0), angle = between(0.0, 6.283185307179586);
  const double centre_x = between(11.0, 21.0), centre_y = between(11.0, 21.0);
  const double stripe = between(3.0, 5.0), phase = between(0.0, 10.0), noise = between(0.02, 0.15);
  const Colour background = colour();
  Colour first = colour();
  while (distance(first, background) < 0.5) first = colour();
  Colour second = first;
  if (label >= 5) {
    while (distance(second, background) < 0.4 || distance(second, first) < 0.5) second = colour();
  }
  const double slope_x = between(-0.15, 0.15), slope_y = between(-0.15, 0.15);  // lighting
  const double c = std::cos(angle), s = std::sin(angle);
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {
      const double dx = x - centre_x, dy = y - centre_y;
      const double along = c * dx + s * dy, across = c * dy - s * dx;
      const Colour* base = &background;
      if (inside(label % 5, along / radius, across / radius)) {
        base = std::fmod(along + phase + 100 * stripe, stripe) * 2 < stripe ? &first : &second;
      }
      const double light = slope_x * (x - 15.5) / 15.5 + slope_y * (y - 15.5) / 15.5;
      for (int channel = 0; channel < 3; ++channel) {
        const double value = (*base)[static_cast<std::size_t>(channel)] + light + between(-noise, noise);
        pixels[(channel * kSize + y) * kSize + x] =
            static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(value, 0.0, 1.0)));
      }
    }
  }
}

std::shared_ptr<const SampleSet> make_set(std::int64_t count, std::uint64_t seed, std::uint64_t first_index) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<std::int64_t>((first_index + static_cast<std::uint64_t>(i)) % 10));
  }
  return std::make_shared<KeptSet>(std::move(labels), 3 * kSize * kSize,
                                   [seed, first_index](std::int64_t index, std::uint8_t* out) {
                                     draw(seed, first_index + static_cast<std::uint64_t>(index), out);
                                   });
}

}  // namespace

Dataset make_shapes(std::int64_t train_images, std::int64_t test_images, std::uint64_t seed) {
  if (train_images < 0 || test_images < 0) {
    throw InputError("shapes", "number of images",
                     std::to_string(train_images) + " and " + std::to_string(test_images), "none below 0");
  }
  Dataset dataset;
  dataset.name = "shapes";
  dataset.classes = 10;
  dataset.channels = 3;
  dataset.height = dataset.width = kSize;
  dataset.mean = {0.5, 0.5, 0.5};  // fixed, so that a network fits sets of any size
  dataset.std = {0.25, 0.25, 0.25};
  for (const char* texture : {"plain ", "striped "}) {
    for (const char* shape : {"disc", "square", "triangle", "cross", "ring"}) {
      dataset.class_names.push_back(std::string(texture) + shape);
    }
  }
  dataset.train = make_set(train_images, seed, 0);
  dataset.test = make_set(test_images, seed, kTestOffset - kTestOffset % 10);
  return dataset;
}

Dataset open_shapes(const DatasetOptions& options) {
  if (!options.dir.empty())  // who gives a folder wants what is in it
    throw InputError("command line", "--data", "it beside dataset shapes, which is made on the fly",
                     "another --dataset, or no --data");
  Dataset dataset = make_shapes(10000, 2000, options.seed);
  if (!options.train) dataset.train = nullptr;
  if (!options.test) dataset.test = nullptr;
  return dataset;
}

}  // namespace spikeloop::models
