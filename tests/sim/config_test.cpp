#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/config/chip_fields.h"
#include "sim/config/chip_texts.h"
#include "sim/config/json_document.h"
#include "sim/config/text_format.h"
#include "sim/report.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::sim {
namespace {

namespace fs = std::filesystem;

const std::string kSource = SPIKELOOP_SOURCE_DIR;
const std::string kMainChip = kSource + "/hwconfigs/rram-32nm.json";

/// A folder of its own; messages start with its path, which is cut off.
class ConfigTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  /// The shipped chip with one text replaced, which must occur once.
  std::string edited(const std::string& from, const std::string& to) const {
    std::string text = read_file(kMainChip);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    EXPECT_EQ(text.find(from, at + 1), std::string::npos) << from << " occurs twice";
    text.replace(at, from.size(), to);
    return write("chip.json", text);
  }

  /// The message of reading a file, without its folder; "" when it reads well.
  std::string error_of(const std::string& path, const Overrides& overrides = {}) const {
    try {
      read_chip_config(path, overrides);
      return "";
    } catch (const InputError& error) {
      std::string text = error.what();
      const std::string prefix = folder_.string() + "/";
      for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
        text.erase(at, prefix.size());
      }
      return text;
    }
  }

  /// A small file over the shipped chip.
  std::string overlay(const std::string& members) const {
    fs::copy_file(kMainChip, folder_ / "base.json", fs::copy_options::overwrite_existing);
    return write(
        "overlay.json",
        "{\"format\": \"spikeloop.chip\", \"version\": 1, \"extends\": \"base.json\",\n" + members + "\n}\n");
  }

  testing::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
};

std::string source_of(const ChipConfig& chip, const std::string& pointer) {
  for (const auto& [at, text] : chip.sources) {
    if (at == pointer) return text;
  }
  return "";
}

/// Line of the first occurrence of a text in the shipped chip.
int line_of(const std::string& text) {
  std::istringstream lines(read_file(kMainChip));
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    if (line.find(text) != std::string::npos) return n;
  }
  return -1;
}

std::string at_line(const std::string& text) { return " (line " + std::to_string(line_of(text)) + "): "; }

TEST_F(ConfigTest, ReadsTheShippedChip) {
  const ChipConfig chip = read_chip_config(kMainChip);
  EXPECT_EQ(chip.name, "rram-32nm");
  EXPECT_EQ(chip.mesh.columns * chip.mesh.rows, 64);
  EXPECT_EQ(chip.crossbar.rows, 128);
  EXPECT_DOUBLE_EQ(chip.adc.energy_pj_per_conversion, 0.1097);
  EXPECT_EQ(chip.node_memory.capacity_bits, 1048576);
  EXPECT_TRUE(chip.crossbar.skip_zero);
  EXPECT_EQ(chip.schedule, Schedule::kPipelined);
  EXPECT_EQ(chip.sha256.size(), 64U);
  ASSERT_EQ(chip.sources.size(), chip_components().size());
  for (const auto& [pointer, text] : chip.sources) EXPECT_FALSE(text.empty()) << pointer;
}

TEST_F(ConfigTest, ExtendedChipOverlaysKeyByKey) {
  const ChipConfig base = read_chip_config(kMainChip);
  const ChipConfig small = read_chip_config(kSource + "/hwconfigs/rram-32nm-small.json");
  EXPECT_EQ(small.name, "rram-32nm-small");
  EXPECT_EQ(small.mesh.columns, 4);
  EXPECT_EQ(small.mesh.flit_bits, base.mesh.flit_bits);
  EXPECT_EQ(small.crossbar.columns, 64);
  EXPECT_EQ(small.crossbar.cell_bits, base.crossbar.cell_bits);
  EXPECT_EQ(small.adc.bits, base.adc.bits);
  EXPECT_NE(small.sha256, base.sha256);
  EXPECT_NE(source_of(small, "/crossbar"), source_of(base, "/crossbar"));
  EXPECT_EQ(source_of(small, "/router"), source_of(base, "/router"));
}

TEST_F(ConfigTest, BaseIsFoundFromTheFilesOwnFolder) {
  write("parts/base.json", read_file(kMainChip));
  write("parts/middle.json", R"({"format": "spikeloop.chip", "version": 1, "extends": "base.json",
    "adc": {"bits": 5, "source": "middle"}, "mesh": {"rows": 3, "source": "middle"}})");
  const ChipConfig chip = read_chip_config(write("top.json", R"({"format": "spikeloop.chip", "version": 1,
    "extends": "parts/middle.json", "name": "top", "adc": {"bits": 7}})"));
  EXPECT_EQ(chip.adc.bits, 7);
  EXPECT_EQ(chip.mesh.rows, 3);
  EXPECT_EQ(chip.mesh.columns, 8);
  EXPECT_EQ(chip.name, "top");
  EXPECT_EQ(source_of(chip, "/adc"), "middle; bits from top.json");
}

TEST_F(ConfigTest, CycleOfBasesIsAnError) {
  write("a.json", "{\"format\": \"spikeloop.chip\", \"version\": 1,\n\"extends\": \"b.json\"}");
  write("b.json", "{\"format\": \"spikeloop.chip\", \"version\": 1,\n\n\"extends\": \"a.json\"}");
  EXPECT_EQ(
      error_of((folder_ / "a.json").string()),
      "b.json: /extends (line 3): found a cycle: a.json -> b.json -> a.json, expected a chain with an end");
}

TEST_F(ConfigTest, ListOfBasesIsReadFromLeftToRight) {
  write("base.json", read_file(kMainChip));
  write("slow.json", R"({"format": "spikeloop.chip", "version": 1, "extends": [],
    "adc": {"conversion_latency_ns": 20, "bits": 5, "source": "slow"}})");
  write("wide.json", R"({"format": "spikeloop.chip", "version": 1, "extends": [],
    "adc": {"bits": 9}, "mesh": {"flit_bits": 128, "source": "wide"}})");
  const auto chip = read_chip_config(write("top.json", R"({"format": "spikeloop.chip", "version": 1,
    "extends": ["base.json", "slow.json", "wide.json"], "name": "top"})"));
  EXPECT_EQ(chip.adc.bits, 9);
  EXPECT_EQ(chip.adc.conversion_latency_ns, 20);
  EXPECT_EQ(chip.adc.columns_per_adc, 8);
  EXPECT_EQ(chip.mesh.flit_bits, 128);
  EXPECT_EQ(source_of(chip, "/adc"), "slow; bits from wide.json");
  EXPECT_EQ(source_of(chip, "/mesh"), "wide");
}

TEST_F(ConfigTest, BadListsOfBasesAreErrorsAtTheirEntries) {
  const auto error = [&](const std::string& list) {
    return error_of(
        write("a.json", "{\"format\": \"spikeloop.chip\",\n\"version\": 1,\n\"extends\": " + list + "}"));
  };
  write("b.json", "{\"format\": \"spikeloop.chip\", \"version\": 1, \"extends\": []}");
  EXPECT_EQ(error("[\"b.json\",\n7]"),
            "a.json: /extends/1 (line 4): found 7, expected a text that is not empty");
  EXPECT_EQ(error("[[]]"), "a.json: /extends/0 (line 3): found an array, expected a text that is not empty");
  EXPECT_EQ(error("[\"b.json\",\n\"b.json\"]"),
            "a.json: /extends/1 (line 4): found \"b.json\" again, expected each file once (it is also at "
            "/extends/0)");
  EXPECT_EQ(error("[\"b.json\", \"a.json\"]"),
            "a.json: /extends/1 (line 3): found a cycle: a.json -> a.json, expected a chain with an end");
  EXPECT_EQ(error("[\"b.json\"]"), "a.json: /clock (line 1): found nothing, expected an object");
}

TEST_F(ConfigTest, BasesThatDoubleAtEveryLevelAreRefused) {
  write("0.json", "{\"format\": \"spikeloop.chip\", \"version\": 1, \"extends\": []}");
  for (int i = 1; i <= 20; ++i) {
    const std::string below = std::to_string(i - 1) + ".json";
    write(std::to_string(i) + ".json", "{\"format\": \"spikeloop.chip\", \"version\": 1, \"extends\": [\"" +
                                           below + "\", \"./" + below + "\"]}");
  }
  EXPECT_NE(error_of((folder_ / "20.json").string()).find("found the 65th file of one chip"),
            std::string::npos);
}

TEST_F(ConfigTest, AbsentBaseIsAnErrorAtItsLine) {
  const std::string path =
      write("a.json", "{\"format\": \"spikeloop.chip\",\n\"version\": 1,\n\"extends\": \"no.json\"}");
  EXPECT_EQ(
      error_of(path),
      "a.json: /extends (line 3): found \"no.json\" (no file no.json), expected a configuration, by its path "
      "from this file's folder");
}

TEST_F(ConfigTest, ErrorInABaseNamesTheBase) {
  const std::string top = overlay("\"name\": \"top\"");
  write("base.json", "{\"format\": \"spikeloop.chip\", \"version\": 1,\n \"clock\": 3}");
  EXPECT_EQ(error_of(top), "base.json: /clock (line 2): found 3, expected an object");
}

TEST_F(ConfigTest, UnknownKeysNameTheNearest) {
  EXPECT_EQ(error_of(edited("\"max_active_rows\": 32", "\"max_activ_rows\": 32")),
            "chip.json: /crossbar/max_activ_rows" + at_line("\"max_active_rows\"") +
                "found the unknown key \"max_activ_rows\", expected \"max_active_rows\" (the nearest known)");
  EXPECT_EQ(error_of(edited("\"shift_add\": {", "\"shiftadd\": {")),
            "chip.json: /shiftadd" + at_line("\"shift_add\": {") +
                "found the unknown key \"shiftadd\", expected \"shift_add\" (the nearest known)");
  EXPECT_EQ(error_of(edited("\"crossbars\": 8", "\"crossbars\": 8, \"voltage\": 1")),
            "chip.json: /pe/voltage" + at_line("\"crossbars\": 8") +
                "found the unknown key \"voltage\", expected one of source, crossbars");
}

TEST_F(ConfigTest, RepeatedKeysAreErrors) {
  EXPECT_EQ(error_of(edited("\"crossbars\": 8,", "\"crossbars\": 8,\n    \"crossbars\": 9,")),
            "chip.json: /pe/crossbars (line " + std::to_string(line_of("\"crossbars\": 8") + 1) +
                "): found the key \"crossbars\" again, expected each key once (it is also in line " +
                std::to_string(line_of("\"crossbars\": 8")) + ")");
  EXPECT_EQ(error_of(write("chip.json", "{\"name\": \"a\",\n\n \"name\": \"a\"}")),
            "chip.json: /name (line 3): found the key \"name\" again, expected each key once (it is also in "
            "line 1)");
}

TEST_F(ConfigTest, WrongTypesAreErrors) {
  const std::string rows = at_line("\"max_active_rows\"");
  const auto error = [&](const std::string& value) {
    return error_of(edited("\"max_active_rows\": 32", "\"max_active_rows\": " + value));
  };
  const std::string start = "chip.json: /crossbar/max_active_rows" + rows + "found ";
  const std::string end = ", expected an integer from 1 to 4096";
  for (const std::string value : {"64.9", "64.0", "-1", "0", "4097", "\"64\"", "true", "null", "1e2",
                                  "9223372036854775807", "18446744073709551615"}) {
    EXPECT_EQ(error(value), start + value + end);
  }
  EXPECT_EQ(error("{}"), start + "an object" + end);
  EXPECT_EQ(error("[1]"), start + "an array" + end);
  EXPECT_EQ(error_of(edited("\"skip_zero\": true", "\"skip_zero\": 1")),
            "chip.json: /crossbar/skip_zero" + at_line("\"skip_zero\"") + "found 1, expected true or false");
  EXPECT_EQ(error_of(edited("\"name\": \"rram-32nm\"", "\"name\": 32")),
            "chip.json: /name" + at_line("\"name\"") + "found 32, expected a text");
  EXPECT_EQ(error_of(edited("\"length_mm\": 1.2", "\"length_mm\": -0.5")),
            "chip.json: /link/length_mm" + at_line("\"length_mm\"") +
                "found -0.5, expected a number from 0 to 1000");
}

TEST_F(ConfigTest, WholeNumbersAreNumbersToo) {
  EXPECT_EQ(read_chip_config(edited("\"length_mm\": 1.2", "\"length_mm\": 2")).link.length_mm, 2.0);
}

TEST_F(ConfigTest, AClockIsTheTilesOrOneThatTicks) {
  EXPECT_NO_THROW(read_chip_config(kMainChip, {{"clock.array_mhz", "0"}}));
  EXPECT_NO_THROW(read_chip_config(kMainChip, {{"clock.network_mhz", "500"}}));
  for (const std::string path : {"clock.array_mhz", "clock.network_mhz"}) {
    EXPECT_NE(error_of(kMainChip, {{path, "0.0000001"}}).find("at least 0.001"), std::string::npos) << path;
  }
}

TEST_F(ConfigTest, WrongWordsListTheAllowedOnes) {
  EXPECT_EQ(
      error_of(edited("\"schedule\": \"pipelined\"", "\"schedule\": \"pipeline\"")),
      "chip.json: /schedule" + at_line("\"schedule\"") +
          "found \"pipeline\", expected \"pipelined\" or \"timestep_sequential\" or \"layer_sequential\"");
  EXPECT_EQ(error_of(edited("\"mapping\": \"unrolled\"", "\"mapping\": \"Unrolled\"")),
            "chip.json: /mapping" + at_line("\"mapping\"") +
                "found \"Unrolled\", expected \"unrolled\" or \"kernel_position\"");
}

TEST_F(ConfigTest, MissingKeysPointAtTheirObject) {
  EXPECT_EQ(error_of(edited("\"cell_bits\": 2,\n", "\n")),
            "chip.json: /crossbar/cell_bits" + at_line("\"crossbar\": {") +
                "found nothing, expected an integer from 1 to 4");
  EXPECT_EQ(error_of(edited("\"name\": \"rram-32nm\",", "")),
            "chip.json: /name (line 1): found nothing, expected a text");
  EXPECT_EQ(error_of(edited("    \"source\": \"as node_adder\"", "    \"lanes\": 1").c_str()),
            "chip.json: /pooling_unit/lanes (line " + std::to_string(line_of("as node_adder")) +
                "): found the key \"lanes\" again, expected each key once (it is also in line " +
                std::to_string(line_of("\"pooling_unit\": {") + 1) + ")");
  EXPECT_EQ(error_of(edited(",\n    \"source\": \"as node_adder\"", "")),
            "chip.json: /pooling_unit/source" + at_line("\"pooling_unit\": {") +
                "found nothing, expected a text: where the numbers come from, or \"estimate\" and why");
  EXPECT_EQ(error_of(edited("\"as node_adder\"", "\" \"")),
            "chip.json: /pooling_unit/source" + at_line("\"as node_adder\"") +
                "found \" \", expected a text that is not empty");
  EXPECT_EQ(error_of(write("chip.json", "\n{\"format\": \"spikeloop.chip\", \"version\": 1}")),
            "chip.json: /clock (line 2): found nothing, expected an object");
  // A name makes it a chip that misses something, extends [] without one a library.
  const std::string mesh = R"({"format": "spikeloop.chip", "version": 1,
"extends": [], "mesh": {"flit_bits": 64})";
  EXPECT_EQ(error_of(write("chip.json", mesh + R"(, "name": "x"})")),
            "chip.json: /clock (line 1): found nothing, expected an object");
  EXPECT_EQ(
      error_of(write("chip.json", mesh + "}")),
      "chip.json: /extends (line 2): found a library (it extends []) of mesh, which is no chip by itself, "
      "expected a chip: a file whose \"extends\" names this one, and that has a name and the other 21 "
      "components");
}

TEST_F(ConfigTest, FormatAndVersionAreChecked) {
  EXPECT_EQ(error_of(write("chip.json", "\n{}")),
            "chip.json: /format (line 2): found nothing, expected \"spikeloop.chip\"");
  EXPECT_EQ(error_of(edited("\"spikeloop.chip\"", "\"spikeloop.trace\"")),
            "chip.json: /format" + at_line("spikeloop.chip") +
                "found \"spikeloop.trace\", expected \"spikeloop.chip\"");
  EXPECT_EQ(
      error_of(edited("\"version\": 1", "\"version\": 2")),
      "chip.json: /version" + at_line("\"version\"") + "found 2, expected 1 (the only version there is)");
}

TEST_F(ConfigTest, BrokenJsonNamesTheLine) {
  const auto starts = [&](const std::string& text, const std::string& start) {
    const std::string error = error_of(write("chip.json", text));
    EXPECT_EQ(error.substr(0, start.size()), start) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  };
  starts("{\n\"name\": \"a\",\n}", "chip.json: / (line 3): found broken JSON (syntax error");
  starts("{\"clock\": {\n\"frequency_mhz\": 1\n\"source\": \"\"}}",
         "chip.json: /clock (line 3): found broken JSON");
  starts("{\n\"name\": \"a\nb\"}", "chip.json: /name (line 2): found broken JSON (syntax error");
  starts("{\n\"weight_bits\": 1e999}",
         "chip.json: /weight_bits (line 2): found broken JSON (number overflow");
  starts("{} {}", "chip.json: / (line 1): found broken JSON");
  starts("{\n// no comments\n}", "chip.json: / (line 2): found broken JSON");
  starts("", "chip.json: / (line 1): found broken JSON");
  starts("[\n]", "chip.json: / (line 1): found an array");
  starts("7\n\n", "chip.json: / (line 1): found 7, expected an object");
  starts(std::string(100000, '['), "chip.json: / (line 1): found an array");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  starts(deep, "chip.json: /a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a (line 1): found objects nested deeper than 16");
  EXPECT_EQ(error_of((folder_ / "absent.json").string()).substr(0, 13), "absent.json: ");
}

TEST_F(ConfigTest, EveryValueKnowsItsLine) {
  // Numbers are the hard case: the parser sees their end only at the character after them.
  const JsonValue root = parse_json_object(
      "{\"a\":\n1\n\n,\"b\"\n:2.5\n,\"c\":{\n\"d\":true,\r\n\"e\":\"x\"}\n,\n\"f\":-3}", "f");
  ASSERT_EQ(root.members.size(), 4U);
  EXPECT_EQ(root.line, 1);
  EXPECT_EQ(root.members[0].line, 1);
  EXPECT_EQ(root.members[0].value.line, 2);
  EXPECT_EQ(root.members[1].line, 4);
  EXPECT_EQ(root.members[1].value.line, 5);
  EXPECT_EQ(root.members[2].value.line, 6);
  ASSERT_EQ(root.members[2].value.members.size(), 2U);
  EXPECT_EQ(root.members[2].value.members[0].line, 7);
  EXPECT_EQ(root.members[2].value.members[1].line, 8);
  EXPECT_EQ(root.members[3].line, 10);
  EXPECT_EQ(root.members[3].value.integer, -3);
}

TEST_F(ConfigTest, OverridesAreReadAsTheFieldsType) {
  const ChipConfig chip = read_chip_config(kMainChip, {{"crossbar.max_active_rows", "16"},
                                                       {"link.length_mm", "0.5"},
                                                       {"crossbar.skip_zero", "false"},
                                                       {"schedule", "timestep_sequential"},
                                                       {"name", "77"},
                                                       {"router.buffer_flits", "8"}});
  EXPECT_EQ(chip.crossbar.max_active_rows, 16);
  EXPECT_DOUBLE_EQ(chip.link.length_mm, 0.5);
  EXPECT_FALSE(chip.crossbar.skip_zero);
  EXPECT_EQ(chip.schedule, Schedule::kTimestepSequential);
  EXPECT_EQ(chip.name, "77");
  const std::string source = source_of(chip, "/router");
  const std::string note = "; buffer_flits from the command line";
  ASSERT_GT(source.size(), note.size());
  EXPECT_EQ(source.substr(source.size() - note.size()), note);
}

TEST_F(ConfigTest, WrongOverridesNameTheOption) {
  EXPECT_EQ(error_of(kMainChip, {{"crossbar.row", "64"}}),
            "command line: --set crossbar.row: found an unknown path, expected \"crossbar.rows\" (the "
            "nearest known)");
  EXPECT_EQ(error_of(kMainChip, {{"x", "64"}}),
            "command line: --set x: found an unknown path, expected a path of --help-config");
  for (const std::string value : {"64.9", "-1", "", "64k", " 64", "1e3", "99999999999999999999"}) {
    // A word that is no number is quoted.
    const bool number = value == "64.9" || value == "-1" || value == "1e3" || value.size() > 10;
    const std::string shown = number ? value : "\"" + value + "\"";
    EXPECT_EQ(error_of(kMainChip, {{"crossbar.rows", value}}),
              "command line: --set crossbar.rows: found " + shown + ", expected an integer from 1 to 4096");
  }
  EXPECT_EQ(error_of(kMainChip, {{"link.length_mm", "nan"}}),
            "command line: --set link.length_mm: found nan, expected a number from 0 to 1000");
  EXPECT_EQ(
      error_of(kMainChip, {{"schedule", "fast"}}),
      "command line: --set schedule: found \"fast\", expected \"pipelined\" or \"timestep_sequential\" or "
      "\"layer_sequential\"");
  EXPECT_EQ(error_of(kMainChip, {{"format", "other"}}),
            "command line: --set format: found an unknown path, expected a path of --help-config");
}

TEST_F(ConfigTest, RulesOverSeveralKeys) {
  const auto error = [&](const Overrides& overrides) { return error_of(kMainChip, overrides); };
  EXPECT_EQ(error({{"crossbar.max_active_rows", "129"}}),
            "command line: --set crossbar.max_active_rows: found 129, expected at most the number of rows "
            "(crossbar.rows = 128)");
  EXPECT_EQ(error({{"crossbar.read_latency_ns", "2"}, {"crossbar.pulse_ns", "3"}}),
            "command line: --set crossbar.pulse_ns: found 3, expected at most the read latency "
            "(crossbar.read_latency_ns = 2.000000)");
  EXPECT_EQ(error({{"adc.columns_per_adc", "7"}}),
            "command line: --set adc.columns_per_adc: found 7, expected a divisor of the number of columns "
            "(crossbar.columns = 128)");
  EXPECT_EQ(error({{"crossbar.columns", "4"}, {"adc.columns_per_adc", "2"}}),
            "command line: --set crossbar.columns: found 4, expected at least the 8 columns of one weight "
            "(weight_bits = 8) (crossbar.cell_bits = 2)");
  EXPECT_EQ(error({{"crossbar.columns", "8"}, {"adc.columns_per_adc", "2"}}), "");
  for (const char* bits : {"1", "2", "3", "4"}) EXPECT_EQ(error({{"crossbar.cell_bits", bits}}), "");
  EXPECT_EQ(error({{"crossbar.cell_bits", "5"}}),
            "command line: --set crossbar.cell_bits: found 5, expected an integer from 1 to 4");
  EXPECT_EQ(error({{"device.stuck_on_fraction", "0.3"}, {"device.stuck_off_fraction", "0.7"}}), "");
  EXPECT_EQ(error({{"device.stuck_on_fraction", "0.5"}, {"device.stuck_off_fraction", "0.75"}}),
            "command line: --set device.stuck_off_fraction: found 0.75, expected at most the share of cells "
            "that are not stuck on (device.stuck_on_fraction = 0.5)");
  EXPECT_EQ(
      error({{"host_port.column", "8"}}),
      "command line: --set host_port.column: found 8, expected a column of the mesh (mesh.columns = 8)");
  EXPECT_EQ(error({{"host_port.row", "9"}}),
            "command line: --set host_port.row: found 9, expected a row of the mesh (mesh.rows = 8)");
  EXPECT_EQ(error({{"mesh.header_bits", "65"}}),
            "command line: --set mesh.header_bits: found 65, expected at most one flit, so that a router can "
            "route by "
            "the first (mesh.flit_bits = 64)");
  EXPECT_EQ(
      error({{"mesh.header_bits", "5"}}),
      "command line: --set mesh.header_bits: found 5, expected at least the 6 bits of a tile's address");
  EXPECT_EQ(error({{"mesh.header_bits", "6"}}), "");
  EXPECT_EQ(error({{"input_buffer.capacity_bits", "127"}}),
            "command line: --set input_buffer.capacity_bits: found 127, expected at least one access "
            "(input_buffer.port_bits = 128)");
  EXPECT_EQ(error({{"output_buffer.capacity_bits", "63"}}),
            "command line: --set output_buffer.capacity_bits: found 63, expected at least one flit "
            "(mesh.flit_bits = 64)");
  EXPECT_EQ(error({{"node_memory.capacity_bits", "255"}}),
            "command line: --set node_memory.capacity_bits: found 255, expected at least one value per lane "
            "(node_adder.lanes = 16) (node_adder.value_bits = 16)");
  EXPECT_EQ(
      error({{"membrane_memory.capacity_bits", "255"}}),
      "command line: --set membrane_memory.capacity_bits: found 255, expected at least one membrane per lane "
      "(neuron_unit.lanes = 16) (neuron_unit.membrane_bits = 16)");
  // From a file, such an error stands at the value's line; from a default, it says so.
  EXPECT_EQ(
      error_of(overlay("\"mesh\": {\n\"header_bits\": 65}")),
      "overlay.json: /mesh/header_bits (line 3): found 65, expected at most one flit, so that a router can "
      "route by the first (mesh.flit_bits = 64)");
}

TEST_F(ConfigTest, HashIsOfWhatChangesTheResult) {
  const auto hash = [&](const std::string& path, const Overrides& overrides = {}) {
    return read_chip_config(path, overrides).sha256;
  };
  const std::string base = hash(kMainChip);
  EXPECT_EQ(hash(edited("\"rram-32nm\"", "\"another name\"")), base);
  EXPECT_EQ(hash(edited("\"length_mm\": 1.2", "\"length_mm\": 12e-1")), base);
  EXPECT_EQ(hash(edited("\"schedule\": \"pipelined\",", "")), base);  // the default
  EXPECT_EQ(hash(overlay("\"name\": \"x\"")), base);
  for (const Field& field : chip_fields()) {
    if (!field.is_number()) continue;
    const ChipConfig chip = read_chip_config(kMainChip);
    const std::string now = field_text(field, chip);
    // The smallest or else a small value that keeps all rules is another chip.
    for (const std::string& value :
         {number_text(field.minimum), std::string("64"), std::string("4"), std::string("1")}) {
      if (value == now || !error_of(kMainChip, {{field.path, value}}).empty()) continue;
      EXPECT_NE(hash(kMainChip, {{field.path, value}}), base) << field.path;
    }
  }
}

TEST_F(ConfigTest, DefaultsOfTableAndStructAgree) {
  const ChipConfig defaults;
  for (const Field& field : chip_fields()) {
    if (field.default_text == nullptr) continue;
    const std::string value = field_text(field, defaults);
    const bool quotes = field.is_text() || !field.words().empty();
    EXPECT_EQ(quotes ? "\"" + value + "\"" : value, field.default_text) << field.path;
  }
}

TEST_F(ConfigTest, EveryFieldIsSetByItsOwnPath) {
  // Two rows of the table that share a member would show here.
  for (const Field& field : chip_fields()) {
    if (!field.is_number()) continue;
    ChipConfig chip;
    const Slot slot = field.slot(chip);
    if (auto* integer = std::get_if<int*>(&slot)) **integer = 12345;
    if (auto* large = std::get_if<std::int64_t*>(&slot)) **large = 12345;
    if (auto* real = std::get_if<double*>(&slot)) **real = 12345;
    for (const Field& other : chip_fields()) {
      if (!other.is_number()) continue;
      EXPECT_EQ(field_text(other, chip) == "12345", &other == &field) << other.path;
    }
  }
}

TEST_F(ConfigTest, CommittedPageAndSchemaAreUpToDate) {
  EXPECT_EQ(read_file(kSource + "/hwconfigs/README.md"), reference_page())
      << "run: spikeloop-sim --config-page > hwconfigs/README.md";
  EXPECT_EQ(read_file(kSource + "/hwconfigs/chip.schema.json"), json_schema())
      << "run: spikeloop-sim --config-schema > hwconfigs/chip.schema.json";
}

TEST_F(ConfigTest, HelpNamesEveryField) {
  const std::string help = help_config();
  for (const Field& field : chip_fields()) {
    EXPECT_NE(help.find("  " + std::string(field.path) + "  ("), std::string::npos) << field.path;
  }
}

TEST_F(ConfigTest, DescriptionAddsUp) {
  const ChipConfig chip = read_chip_config(kMainChip);
  std::string text = describe_chip(chip);
  for (auto at = text.find("\n                      "); at != std::string::npos;
       at = text.find("\n                      "))
    text.replace(at, 23, " ");  // a line that goes on below itself
  const auto has = [&](const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  };
  has("8 x 8 mesh = 64 tiles");
  has("4 PEs with 8 crossbars each = 32 crossbars");
  has("8 bits = 4 slices x 2 columns = 8 cells");
  has("4,194,304 weights at most (4096.0 KiB) in 2,048 crossbars");  // 2048 x 128 x 128 / 8
  has("32 rows of level 3 add up to 96: 7 ADC bits needed, 6 there: sums above 63 are clipped");
  has("128 inputs x 16 outputs = 2,048 weights\n");
  has("16,384 and 65,536 weights");  // x 8 crossbars x 4 PEs
  has("64 channels without a spike: 1 flit, as bitmap: 2 flits, as values: 17 flits");  // 32, 96, 1056 bits
  has("65,536 neurons in a tile");                                                      // 1 Mbit / 16
  has("1 cycle + 8 conversions x 10 cycles = 81 cycles, the next one after 81: ADC-limited");
  has("3.24 Tconversions/s by 32,768 ADCs");  // 2048 x 128 / 81 ns
  // Per tile: 32 x (9693 + 573.8 + 369.2 + 16 x (302.5 + 47.9)) + 69974 + 2392064 x 0.3366 + 16 x (136.7 +
  // 230.8 + 136.7) + 11200 + 37500 + 7500 = 1459166.7 um2; 64 of them and 37500 for the host port.
  has("93.4242 mm2   100.0 %");
}

TEST_F(ConfigTest, ExactSumsAreThoseOfTheAdcThatComputes) {
  const auto says = [](const Overrides& overrides, const std::string& text) {
    const std::string all = describe_chip(read_chip_config(kMainChip, overrides));
    const auto at = all.find("exact sums");
    std::string found = all.substr(at, all.find("largest map") - at);
    for (auto end = found.find("\n  "); end != std::string::npos; end = found.find("\n  "))
      found.replace(end, found.find_first_not_of(" \n", end) - end, " ");
    EXPECT_NE(found.find(text), std::string::npos) << found;
  };
  says({{"adc.bits", "7"}}, "7 ADC bits needed, 7 there: every sum is exact");
  says({{"adc.bits", "7"}, {"adc.full_scale_levels", "127"}}, "every sum is exact");
  says({{"adc.full_scale_levels", "126"}}, "a code is 2.00 levels, sums are rounded");
  says({{"adc.full_scale_levels", "94.5"}},
       "a code is 1.50 levels, sums are rounded, and those above 94.5 are");
  says({{"adc.bits", "7"}, {"adc.full_scale_levels", "63.5"}},
       "a code is 0.50 levels, sums are rounded, and");
}

TEST(TextFormat, NumbersForPeople) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(scaled(0), "0 ");
  EXPECT_EQ(scaled(1.28e10), "12.8 G");
  EXPECT_EQ(scaled(0.0042), "4.20 m");
  EXPECT_EQ(scaled(999.96), "1.00 k");
  EXPECT_EQ(scaled(3.2e12), "3.20 T");
  EXPECT_EQ(scaled(5e-18), "5.00 a");
  EXPECT_EQ(wrapped("aa bb cc", 2, 7), "  aa bb\n  cc\n");
  EXPECT_EQ(number_text(1e6), "1000000");
  EXPECT_EQ(number_text(0.1), "0.1");
}

TEST(Report, ShowsMeansSharesAndUnits) {
  ChipConfig chip = read_chip_config(kMainChip);
  Measurement m;
  m.network_sha256 = std::string(64, 'a');
  m.chip_name = chip.name;
  m.schedule = "pipelined";
  m.timesteps = 4;
  m.clock_mhz = 1000;
  m.mesh_columns = 8;
  m.mesh_rows = 1;
  m.weights = 1000;
  m.weight_memory_bits = 8192;
  m.flits_injected = m.flits_delivered = 10;
  m.flit_hops = 25;
  m.packets = 4;
  for (const std::int64_t cycles : {1000, 3000}) {
    SampleReport sample;
    sample.label = 3;
    sample.prediction = cycles == 1000 ? 3 : 1;
    sample.cycles = cycles;
    sample.energy.dynamic_aj = cycles * 1'000'000;
    sample.energy.leakage_aj = cycles * 250'000;
    m.samples.push_back(sample);
  }
  m.energy[static_cast<std::size_t>(Component::kAdc)].dynamic_aj = 4'000'000'000;
  m.energy[static_cast<std::size_t>(Component::kNodeMemoryRead)].leakage_aj = 600'000'000;
  m.energy[static_cast<std::size_t>(Component::kNodeMemoryWrite)].dynamic_aj = 400'000'000;
  m.area[static_cast<std::size_t>(Component::kAdc)] = 2'000'000'000'000;
  m.layers.resize(1);
  m.layers[0].name = "conv1";
  m.layers[0].kind = "convolution";
  m.layers[0].energy = m.energy;
  m.layers[0].input_bits = 200;
  m.layers[0].input_ones = 25;
  m.tiles.resize(8);
  m.tiles[0].crossbars_used = 6;
  m.tiles[0].layers = {"conv1"};
  const std::string text = table(m, chip);
  const auto has = [&](const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  };
  has("2 samples of 4 timesteps, pipelined");
  has("latency           2.00 us  (1.00 us to 3.00 us), 2,000 cycles at 1000 MHz");
  has("energy            2.50 nJ  (1.25 nJ to 3.75 nJ), 20.0 % of it leakage");
  has("correct           1 of 2, as the trace says");
  has("2 packets, 5 flits over 2.50 links each");
  has("2.000 mm2: 1 tile in use of 64, routers of 8 x 1");
  has("6 hold weights of the 32 in these tiles");
  has("1.00 KiB, 1,000 weights");
  has("12.5 %");
  has("adc                  2.00 nJ   80.0 %  " + std::string(32, '#') + "\n");
  has("node_memory         500.0 pJ   20.0 %  ########\n");
}

}  // namespace
}  // namespace spikeloop::sim
