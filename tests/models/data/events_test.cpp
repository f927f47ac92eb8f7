#include "models/data/events.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/models/data/helpers.h"
#include "tests/models/data/writers.h"

namespace spikeloop::models {
namespace {

Framing by_count(std::int64_t frames) { return {Framing::By::kCount, frames, 0, false, false}; }
Framing by_time(std::int64_t frames, std::int64_t frame_us = 0, bool from_first = false) {
  return {Framing::By::kTime, frames, frame_us, from_first, false};
}
using Frames = std::vector<std::int32_t>;

// Expected values worked out with SpikingJelly's definition: j_l = i floor(N / M), the last frame takes the
// rest.
TEST(FramesOf, ByCount) {
  EXPECT_EQ(frames_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, by_count(3), 0),
            (Frames{0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2}));
  EXPECT_EQ(frames_of({5, 5, 5, 5}, by_count(4), 0), (Frames{0, 1, 2, 3}));
  EXPECT_EQ(frames_of({5, 6}, by_count(4), 0), (Frames{3, 3}));
  EXPECT_EQ(frames_of({}, by_count(4), 0), (Frames{}));
}

TEST(FramesOf, ByTimeInEqualParts) {
  // Span 11 us in 3 parts: 3 us each from the first event on.
  EXPECT_EQ(frames_of({100, 102, 103, 105, 106, 109, 111}, by_time(3), 0), (Frames{0, 0, 1, 1, 2, 2, 2}));
  EXPECT_EQ(frames_of({100, 111}, by_time(3), 0), (Frames{0, 2}));  // one frame without events
  EXPECT_EQ(frames_of({7, 7}, by_time(3), 0), (Frames{2, 2}));
}

TEST(FramesOf, ByTimeOfFixedLength) {
  EXPECT_EQ(frames_of({5, 9, 10, 29, 30}, by_time(3, 10), 0), (Frames{0, 0, 1, 2, -1}));
  EXPECT_EQ(frames_of({5, 9, 15, 34, 35}, by_time(3, 10, true), 0), (Frames{0, 0, 1, 2, -1}));
  EXPECT_EQ(frames_of({1005, 1010}, by_time(3, 10), 1000), (Frames{0, 1}));
}

TEST(BinEvents, CountsPerPolarityAndPixelAndSaturates) {
  Recording recording{3, 2, {}};
  for (int i = 0; i < 300; ++i) recording.events.push_back({i, 2, 1, true});
  recording.events.push_back({400, 0, 0, false});
  std::vector<std::uint8_t> out(2 * 2 * 2 * 3);
  bin_events(recording, by_time(2, 350), out.data());
  EXPECT_EQ(out[2 * 3 - 1 + 2 * 3], 255);  // frame 0, ON, row 1, column 2
  EXPECT_EQ(out[2 * 2 * 3], 1);            // frame 1, OFF, row 0, column 0
  EXPECT_EQ(std::accumulate(out.begin(), out.end(), 0), 256);
  Framing binary = by_time(2, 350);
  binary.binary = true;
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  bin_events(recording, binary, out.data());
  EXPECT_EQ(std::accumulate(out.begin(), out.end(), 0), 2);
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  bin_events(recording, by_count(2), out.data(), 10,
             13);  // events 10, 11, 12: one in frame 0, two in frame 1
  EXPECT_EQ(out[11], 1);
  EXPECT_EQ(out[23], 2);
}

// N-MNIST

TEST(Nmnist, ReadsEventsAndTheClockGoingOver) {
  const TemporaryFolder folder;
  const std::string path = folder.file("1.bin");
  write_bytes(path, nmnist_event(3, 33, true, 0x123456) + nmnist_event(1, 240, false, 0) +
                        nmnist_event(33, 0, false, 0x7FFFFF));
  const Recording recording = read_nmnist_events(path);
  ASSERT_EQ(recording.events.size(), 2U);
  EXPECT_EQ(recording.events[0].time_us, 0x123456);
  EXPECT_EQ(recording.events[0].x, 3);
  EXPECT_EQ(recording.events[0].y, 33);
  EXPECT_TRUE(recording.events[0].on);
  EXPECT_EQ(recording.events[1].time_us, 0x7FFFFF + 8192);
  EXPECT_EQ(recording.events[1].x, 33);
  EXPECT_FALSE(recording.events[1].on);
}

TEST(Nmnist, RefusesPartsOfEventsAndPixelsOutside) {
  const TemporaryFolder folder;
  const std::string path = folder.file("1.bin");
  write_bytes(path, nmnist_event(3, 3, true, 1) + "xy");
  EXPECT_TRUE(contains(error_of([&] { read_nmnist_events(path); }), "1.bin: size: found 7 bytes"));
  write_bytes(path, nmnist_event(3, 3, true, 1) + nmnist_event(34, 3, true, 2));
  EXPECT_TRUE(contains(error_of([&] { read_nmnist_events(path); }), "event 1: found x 34, y 3"));
}

TEST(Nmnist, TreeNeedsTheFoldersOfAllDigits) {
  const TemporaryFolder folder;
  for (int digit = 0; digit < 9; ++digit) {
    write_bytes(folder.file("Test/" + std::to_string(digit) + "/00001.bin"), nmnist_event(1, 2, true, 3));
  }
  DatasetOptions options;
  options.dir = folder.path();
  options.train = false;
  EXPECT_TRUE(contains(error_of([&] { open_dataset("nmnist", options); }), "Test/9"));
  write_bytes(folder.file("Test/9/00001.bin"), nmnist_event(1, 2, true, 3));
  options.framing = by_count(2);
  const Dataset dataset = open_dataset("nmnist", options);
  ASSERT_EQ(dataset.test->size(), 10);
  EXPECT_EQ(dataset.test->label(9), 9);
  EXPECT_EQ(dataset.sample_bytes(), 2 * 2 * 34 * 34);
  const auto sample = sample_of(dataset, *dataset.test, 4);
  EXPECT_EQ(sample[(3 * 34 + 2) * 34 + 1], 1);
  EXPECT_EQ(std::accumulate(sample.begin(), sample.end(), 0), 1);
}

TEST(Nmnist, RealFilesBinAllTheirEvents) {
  const std::string dir = shared_folder() + "/data/N-MNIST";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no N-MNIST in " << dir;
  DatasetOptions options;
  options.dir = dir;
  options.framing = by_time(8);
  const Dataset dataset = open_dataset("nmnist", options);
  ASSERT_EQ(dataset.train->size(), 200);
  ASSERT_EQ(dataset.test->size(), 100);
  std::vector<int> digits(10);
  for (std::int64_t i = 0; i < 100; ++i) ++digits[static_cast<std::size_t>(dataset.test->label(i))];
  EXPECT_EQ(digits, (std::vector<int>{8, 14, 8, 11, 14, 7, 10, 15, 2, 11}));
  EXPECT_EQ(dataset.notes.size(), 2U);
  const auto sample = sample_of(dataset, *dataset.test, 0);  // digit 0, 00004.bin
  const auto bytes = std::filesystem::file_size(dir + "/Test/0/00004.bin");
  EXPECT_EQ(static_cast<std::uintmax_t>(std::accumulate(sample.begin(), sample.end(), 0)), bytes / 5);
}

}  // namespace
}  // namespace spikeloop::models
