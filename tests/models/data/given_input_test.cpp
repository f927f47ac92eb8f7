#include "models/data/given_input.h"

#include "tests/models/data/helpers.h"
#include "tests/models/data/writers.h"
#include "traces/spike_export.h"

namespace spikeloop::models {
namespace {

/// [2, 2, 3] over 4 timesteps of 100 us.
GivenInputShape shape_of() { return {{2, 2, 3}, 4, 10, 1e-4}; }

std::size_t at(std::size_t t, std::size_t c, std::size_t y, std::size_t x) {
  return ((t * 2 + c) * 2 + y) * 3 + x;
}

TEST(GivenInput, EventsOfACsvFile) {
  const TemporaryFolder folder;
  write_bytes(folder.file("e.csv"), "t,x,y,p\n0,0,0,0\n99,0,0,0\r\n100,2,1,1\n 399, 1, 0, 1\n400,1,1,1\n");
  const Dataset dataset = open_given_input(folder.file("e.csv"), shape_of());
  EXPECT_EQ(dataset.frames, 4);
  EXPECT_EQ(dataset.classes, 10);
  EXPECT_TRUE(dataset.events);
  EXPECT_EQ(dataset.test->label(0), -1);
  std::vector<std::uint8_t> expected(48, 0);
  expected[at(0, 0, 0, 0)] = 2;
  expected[at(1, 1, 1, 2)] = 1;
  expected[at(3, 1, 0, 1)] = 1;
  EXPECT_EQ(sample_of(dataset, *dataset.test, 0), expected);
}

TEST(GivenInput, NirDataAsWeWriteIt) {
  const TemporaryFolder folder;
  traces::SpikeTrace trace;
  trace.header.timesteps = 4;
  trace.samples = {{0, 3, 0}};
  auto& node = trace.nodes["input"];
  node.info = {2, 3, 2, 0};
  std::vector<std::uint8_t> expected(48, 0);
  node.spikes.resize(1);
  for (std::size_t t = 0; t < 4; ++t) {
    std::vector<std::uint8_t> bits(12, 0);
    bits[(5 * t + 1) % 12] = 1;
    expected[t * 12 + (5 * t + 1) % 12] = 1;
    node.spikes[0].push_back(traces::pack_chw(bits.data(), 2, 2, 3));
  }
  traces::export_spikes(folder.file("s.h5"), trace, 1e-4);
  const Dataset dataset = open_given_input(folder.file("s.h5"), shape_of());
  EXPECT_EQ(sample_of(dataset, *dataset.test, 0), expected);
  EXPECT_EQ(dataset.test->label(0), 3);
  GivenInputShape other = shape_of();
  other.input = {13};
  EXPECT_NE(error_of([&] { open_given_input(folder.file("s.h5"), other); }).find("found 12, expected 13"),
            std::string::npos);
}

/// The same frames as the data set "nirdata" reads from that file.
TEST(GivenInput, NirDataWhoseTimesAreStartsOrEndsOfSteps) {
  for (const bool ends : {false, true}) {
    const TemporaryFolder folder;
    write_nir_events(folder.file("s.h5"), ends);
    const Dataset dataset = open_given_input(folder.file("s.h5"), {{2, 2, 2}, 4, 3, 1e-3});
    std::vector<std::uint8_t> first(32, 0), second(32, 0);
    first[0] = first[3 * 8 + 7] = 1;
    second[8 + 3] = 2;
    second[16 + 3] = 1;
    EXPECT_EQ(sample_of(dataset, *dataset.test, 0), first) << ends;
    EXPECT_EQ(sample_of(dataset, *dataset.test, 1), second) << ends;
  }
}

TEST(GivenInput, WhatComesAfterTheLastTimestepIsLeftOut) {
  const TemporaryFolder folder;
  write_nir_events(folder.file("s.h5"));
  const Dataset events = open_given_input(folder.file("s.h5"), {{2, 2, 2}, 2, 3, 1e-3});
  std::vector<std::uint8_t> expected(16, 0);
  expected[0] = 1;
  EXPECT_EQ(sample_of(events, *events.test, 0), expected);  // without the spike of step 3
  write_nir_grid(folder.file("g.h5"));
  const Dataset grid = open_given_input(folder.file("g.h5"), {{3}, 2, 3, 5e-3});
  EXPECT_EQ(sample_of(grid, *grid.test, 0), (std::vector<std::uint8_t>{0, 1, 0, 0, 0, 0}));
  EXPECT_NE(error_of([&] {
              open_given_input(folder.file("g.h5"), {{3}, 2, 3, 5e-3, true});
            }).find("--frame-us: found given for"),
            std::string::npos);
}

TEST(GivenInput, ADavisRecording) {
  const TemporaryFolder folder;
  const auto word = [](std::uint32_t y, std::uint32_t x, std::uint32_t on) {
    return y << 22U | x << 12U | on << 11U;
  };
  write_bytes(
      folder.file("d.aedat"),
      aedat2({{word(179, 239, 1), 1'000'050}, {word(3, 7, 0), 1'000'149}, {word(3, 7, 0), 1'000'150}}));
  const Dataset dataset = open_given_input(folder.file("d.aedat"), {{2, 180, 240}, 2, 4, 1e-4});
  std::vector<std::uint8_t> expected(2 * 2 * 180 * 240, 0);
  const std::size_t pixels = 180 * 240;
  expected[pixels * 1 + static_cast<std::size_t>(179 * 240 + 239)] = 1;
  expected[static_cast<std::size_t>(3 * 240 + 7)] = 1;
  expected[2 * pixels + static_cast<std::size_t>(3 * 240 + 7)] = 1;
  EXPECT_EQ(sample_of(dataset, *dataset.test, 0), expected);
  EXPECT_NE(error_of([&] {
              open_given_input(folder.file("d.aedat"), {{2, 34, 34}, 2, 4, 1e-4});
            }).find("pixels: found [2, 180, 240]"),
            std::string::npos);
}

TEST(GivenInput, MistakesAreNamed) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& text) {
    write_bytes(folder.file("e.csv"), text);
    return error_of([&] { open_given_input(folder.file("e.csv"), shape_of()); });
  };
  EXPECT_NE(error("0,0,0,0\n5,0,0\n").find("line 2: found \"5,0,0\", expected t,x,y,p"), std::string::npos);
  EXPECT_NE(error("0,3,0,0\n").find("x below 3"), std::string::npos);
  EXPECT_NE(error("0,0,0,0,7\n").find("line 1"), std::string::npos);
  EXPECT_NE(error("99999999999999999999,0,0,0\n").find("line 1"), std::string::npos);
  EXPECT_NE(error_of([&] { open_given_input(folder.file("e.txt"), shape_of()); }).find(".csv"),
            std::string::npos);
}

}  // namespace
}  // namespace spikeloop::models
