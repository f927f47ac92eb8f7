#include "nas/verify_snasnet.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

using testing::TemporaryFolder;

std::string shared_folder() {
  const char* folder = std::getenv("SPIKELOOP_SHARED");
  return folder != nullptr ? folder : SPIKELOOP_SOURCE_DIR "/../shared";
}
std::string reference(const std::string& name) { return shared_folder() + "/refs/snasnet/" + name; }
std::string cifar10() { return shared_folder() + "/data/cifar-10-batches-bin"; }

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

/// All references of a file, and that there are as many as expected.
void expect_all_pass(const std::string& name, int references) {
  const std::string file = reference(name);
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference values " << file;
  if (!std::filesystem::exists(cifar10())) GTEST_SKIP() << "no CIFAR-10 in " << cifar10();
  std::ostringstream out;
  EXPECT_EQ(verify_snasnet(file, cifar10(), out), 0) << out.str();
  EXPECT_EQ(count(out.str(), "PASS "), references) << out.str();
  EXPECT_EQ(count(out.str(), "FAIL "), 0) << out.str();
}

TEST(VerifySnasnet, ScoresSpikesAndOutputsOfNarrowNetworks) { expect_all_pass("narrow_float64.json", 9); }
TEST(VerifySnasnet, ParametersAndShapesAtFullWidth) { expect_all_pass("full_params_shapes.json", 26); }
TEST(VerifySnasnet, UnitVectors) { expect_all_pass("unit_vectors.json", 11); }

/// The smallest narrow reference with one thing changed: how many references differ.
int failures_after(const std::function<void(nlohmann::json&)>& change, std::string* text = nullptr) {
  const TemporaryFolder folder;
  auto json = nlohmann::json::parse(read_file(reference("narrow_float64.json")));
  json["references"] = nlohmann::json::array({json["references"][1]});
  change(json["references"][0]);
  std::ofstream(folder.file("changed.json")) << json.dump();
  std::ostringstream out;
  const int failures = verify_snasnet(folder.file("changed.json"), cifar10(), out);
  if (text != nullptr) *text = out.str();
  return failures;
}

TEST(VerifySnasnet, FindsWhatDiffers) {
  if (!std::filesystem::exists(reference("narrow_float64.json")) || !std::filesystem::exists(cifar10())) {
    GTEST_SKIP() << "no reference values " << reference("narrow_float64.json") << " or no " << cifar10();
  }
  EXPECT_EQ(failures_after([](auto&) {}), 0);
  std::string text;
  EXPECT_EQ(failures_after(
                [](auto& r) {
                  auto& call = r["repeats"][1]["calls"][2];
                  call[1] = call[1].template get<int>() + call[3].template get<int>() + 1;
                },
                &text),
            1);
  EXPECT_NE(text.find("repeat 2 call 2 classifier.2"), std::string::npos) << text;
  EXPECT_EQ(failures_after([](auto& r) {
              auto& value = r["repeats"][0]["logdet"];
              value = value.template get<double>() + 2e-6;
            }),
            1);
  EXPECT_EQ(failures_after([](auto& r) { r["score"] = r["score"].template get<double>() + 1; }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["repeats"][0]["per_sample_total"].erase(31); }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["repeats"][0]["out"].erase(31); }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["repeats"][0]["out"][5].erase(0); }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["params"] = 1; }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["lif_modules"] = 4; }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["repeats"][0]["out"][3][2] = 0.5; }), 1);
  EXPECT_EQ(failures_after([](auto& r) { r["parameters"][0][3] = 0.0; }), 1);
}

TEST(VerifySnasnet, WhatCannotBeComparedIsRefused) {
  if (!std::filesystem::exists(reference("narrow_float64.json")) || !std::filesystem::exists(cifar10())) {
    GTEST_SKIP() << "no reference values " << reference("narrow_float64.json") << " or no " << cifar10();
  }
  using Change = std::function<void(nlohmann::json&)>;
  const auto error = [](const std::string& name, const Change& change) -> std::string {
    const TemporaryFolder folder;
    auto json = nlohmann::json::parse(read_file(reference(name)));
    if (json.contains("references")) json["references"] = nlohmann::json::array({json["references"][1]});
    change(json);
    std::ofstream(folder.file("changed.json")) << json.dump();
    std::ostringstream out;
    try {
      verify_snasnet(folder.file("changed.json"), cifar10(), out);
    } catch (const InputError& input_error) {
      return input_error.what();
    }
    return "";
  };
  const std::string narrow = "narrow_float64.json", units = "unit_vectors.json";
  const auto first = [](auto& json) -> auto& { return json["references"][0]; };
  const std::vector<Change> changes{
      [&](auto& json) { first(json)["repeats"] = nlohmann::json::array(); },
      [&](auto& json) { first(json)["repeats"][0]["out"] = nlohmann::json::array(); },
      [&](auto& json) { first(json)["repeats"][0]["per_sample_total"] = nlohmann::json::array(); },
      [&](auto& json) { first(json)["repeats"][0]["calls"][0].erase(2); },
      [&](auto& json) { json["about"]["batch"] = 20000; },
      [&](auto& json) { json["about"]["batch"] = 0; },
      [&](auto& json) { json["about"]["second_avgpooling"] = 99; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const std::string text = error(narrow, changes[i]);
    EXPECT_NE(text.find("changed.json: /references/0"), std::string::npos) << i << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
  EXPECT_NE(
      error(narrow, [](auto& json) { json["references"] = nlohmann::json::array(); }).find("references"),
      std::string::npos);
  EXPECT_NE(
      error(units, [](auto& json) { json["sahd"][0]["code"] = "x[i][j] = unit(i*N+j, seed 42) < many"; })
          .find("changed.json: /sahd/0"),
      std::string::npos);
}

TEST(VerifySnasnet, OtherFilesAreRefused) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& content) -> std::string {
    std::ofstream(folder.file("other.json")) << content;
    std::ostringstream out;
    try {
      verify_snasnet(folder.file("other.json"), "nowhere", out);
    } catch (const InputError& input_error) {
      return input_error.what();
    }
    return "";
  };
  for (const char* content : {"", "{", "{}", "[]", "[1, 2]", "{\"references\": 3}",
                              R"([{"params_cell1": 1, "dataset": "mnist"}])"}) {
    EXPECT_NE(error(content).find("other.json"), std::string::npos) << content;
  }
  std::ostringstream out;
  EXPECT_THROW(verify_snasnet(folder.file("none.json"), "nowhere", out), InputError);
}

}  // namespace
}  // namespace spikeloop::nas
