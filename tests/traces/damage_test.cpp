#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>
#include <string>

#include "tests/traces/helpers.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/files.h"
#include "traces/support/random.h"
#include "traces/support/trial_read.h"

/// Files with some bytes changed: every reader comes back, with a result or an InputError. Set
/// SPIKELOOP_DAMAGE_RUNS for more than the 120 files of an ordinary test run.
namespace spikeloop::traces {
namespace {

using test::TemporaryFolder;

int damage_runs() {
  const char* text = std::getenv("SPIKELOOP_DAMAGE_RUNS");
  return text == nullptr ? 60 : std::atoi(text);
}

/// Changes 1 to 8 bytes: to anything, by one bit, or to what lengths and counts break at.
std::string damaged(const std::string& bytes, std::uint64_t seed) {
  RandomStream random(seed);
  std::string out = bytes;
  for (std::uint64_t i = 0, count = 1 + random.below(8); i < count; ++i) {
    char& byte = out[random.below(out.size())];
    const std::uint64_t how = random.below(4);
    if (how == 0) byte = static_cast<char>(random.below(256));
    if (how == 1) byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random.below(8)));
    if (how == 2) byte = '\0';
    if (how == 3) byte = '\xff';
  }
  return out;
}

/// Reads `runs` damaged versions of a file; prints how many ended in which way.
template <class Read>
void read_damaged(const std::string& bytes, const std::string& path, Read read) {
  std::map<std::string, int> ends;
  for (int i = 0; i < damage_runs(); ++i) {
    std::ofstream(path, std::ios::binary) << damaged(bytes, derive_seed(4711, static_cast<std::uint64_t>(i)));
    std::string end = "read";
    try {
      read(path);
    } catch (const InputError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.rfind(path + ": ", 0), 0U) << text;
      const std::size_t crash = text.find("damage that ");
      end = crash == std::string::npos ? "refused" : text.substr(crash, text.find(", expected") - crash);
    }
    ++ends[end];
  }
  for (const auto& [end, count] : ends) std::printf("  %6d  %s\n", count, end.c_str());
}

TEST(Damage, NetworkFiles) {
  const TemporaryFolder folder;
  const std::string path = folder.file("network.nir");
  for (const Network& network : {test::small_network(), test::random_network(3)}) {
    write_nir(path, network);
    read_damaged(read_file(path), path, [](const std::string& file) { read_nir(file); });
  }
}

TEST(Damage, TraceFiles) {
  const TemporaryFolder folder;
  const std::string path = folder.file("trace.h5");
  SpikeTrace trace;
  trace.header = {"0123456789abcdef", "shapes", 3, "test", ""};
  trace.samples = {{7, 1, 1}, {9, 2, 0}};
  for (const char* name : {"cell1.lif", "lif"}) {
    auto& node = trace.nodes[name];
    node.info = {2, 3, 5, 0};
    node.spikes.assign(2, std::vector<PackedBits>(3, PackedBits{0x155}));
  }
  trace.input = {1, 2, 2, 1, 0.5F, 8, std::vector<std::int8_t>(8, 3)};
  write_trace(path, trace);
  read_damaged(read_file(path), path, [](const std::string& file) {
    const TraceReader reader(file);
    for (std::size_t i = 0; i < reader.samples().size() && i < 2; ++i) {
      for (const auto& node : reader.nodes()) reader.spikes(node.first, static_cast<std::int64_t>(i));
      reader.input(static_cast<std::int64_t>(i));
    }
  });
}

TEST(Damage, WhatCrashesTheChildIsTheFilesFault) {
  try_in_child("a file", "a thing", [] {});
  EXPECT_EQ(test::input_error([] {
              try_in_child("a file", "a thing", [] { throw InputError("a file", "there", "x", "y"); });
            }),
            "a file: there: found x, expected y");
  test::expect_input_error([] { try_in_child("a file", "a thing", [] { throw std::bad_alloc(); }); },
                           {"a file: read: found sizes that do not fit the memory"});
  test::expect_input_error(
      [] { try_in_child("a file", "a thing", [] { std::raise(SIGSEGV); }); },
      {"a file: read: found damage that crashes the HDF5 library", "expected a thing, whole"});
  test::expect_input_error([] { try_in_child("a file", "a thing", [] { std::raise(SIGPROF); }); },
                           {"keeps the HDF5 library busy without an end"});
  test::expect_input_error([] { try_in_child("a file", "a thing", [] { std::raise(SIGKILL); }); },
                           {"a reader that was killed"});
}

}  // namespace
}  // namespace spikeloop::traces
