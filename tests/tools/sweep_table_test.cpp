#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tools/sweep/table.h"
#include "traces/support/files.h"

namespace spikeloop::tools {
namespace {

SweepRow measured(std::int64_t number, const std::string& value, double latency, double energy, double area) {
  SweepRow row;
  row.number = number;
  row.values = {value};
  row.status = "measured";
  row.numbers = {{"latency_ns", latency}, {"energy_pj", energy}, {"area_um2", area}};
  return row;
}

std::vector<bool> front_of(std::vector<SweepRow> rows) {
  mark_pareto(rows);
  std::vector<bool> front;
  for (const SweepRow& row : rows) front.push_back(row.pareto);
  return front;
}

TEST(SweepTable, ParetoFront) {
  SweepRow refused;
  refused.status = "refused";
  EXPECT_EQ(front_of({}), std::vector<bool>{});
  EXPECT_EQ(front_of({refused}), std::vector<bool>{false});
  // The third is beaten by the first, the fourth equals the second, the fifth is best in area alone.
  EXPECT_EQ(front_of({measured(0, "a", 1, 5, 5), measured(1, "b", 5, 1, 5), measured(2, "c", 1, 5, 6),
                      measured(3, "d", 5, 1, 5), measured(4, "e", 9, 9, 1), refused}),
            (std::vector<bool>{true, true, false, true, true, false}));
}

TEST(SweepTable, AccuracyCountsWhenAllHaveIt) {
  std::vector<SweepRow> rows{measured(0, "a", 1, 1, 1), measured(1, "b", 2, 2, 2), measured(2, "c", 3, 3, 3)};
  EXPECT_EQ(front_of(rows), (std::vector<bool>{true, false, false}));
  rows[0].numbers.emplace_back("accuracy", 0.5);
  rows[1].numbers.emplace_back("accuracy", 0.75);
  EXPECT_EQ(front_of(rows), (std::vector<bool>{true, false, false}));  // the third has none
  rows[2].numbers.emplace_back("accuracy", 0.625);
  EXPECT_EQ(front_of(rows), (std::vector<bool>{true, true, false}));
}

TEST(SweepTable, WithoutLabelsThereIsNoAccuracy) {
  const std::string file = ::testing::TempDir() + "/sweep_table_measurement.json";
  write_file(file, R"({"functional": {"samples": 3, "correct": 0, "accuracy": null}})");
  const std::vector<std::pair<std::string, double>> alone{{"samples", 3}};
  EXPECT_EQ(numbers_of(file), alone);
  write_file(file, R"({"functional": {"samples": 3, "correct": 0, "accuracy": 0.0}})");
  EXPECT_EQ(numbers_of(file).size(), 3U);
}

TEST(SweepTable, CsvAndJson) {
  std::vector<SweepRow> rows{measured(0, "64", 1.5, 0.1, 3)};
  SweepRow refused;
  refused.number = 1;
  refused.values = {"a,b"};
  refused.status = "refused";
  refused.message = "chip.json: found \"x\", expected y";
  rows.push_back(refused);
  mark_pareto(rows);
  const std::vector<Axis> axes{{"crossbar.rows", "64,128", {"64", "a,b"}}};
  EXPECT_EQ(sweep_csv(axes, rows),
            "number,crossbar.rows,status,pareto,latency_ns,energy_pj,area_um2,message\n"
            "0,64,measured,1,1.5,0.1,3,\n"
            "1,\"a,b\",refused,,,,,\"chip.json: found \"\"x\"\", expected y\"\n");
  EXPECT_EQ(sweep_json(R"({"set": "s"})", axes, rows), R"({
 "format": "spikeloop.sweep",
 "version": 1,
 "sweep": {
  "set": "s"
 },
 "rows": [
  {
   "number": 0,
   "set": {
    "crossbar.rows": 64
   },
   "status": "measured",
   "pareto": true,
   "latency_ns": 1.5,
   "energy_pj": 0.1,
   "area_um2": 3
  },
  {
   "number": 1,
   "set": {
    "crossbar.rows": "a,b"
   },
   "status": "refused",
   "message": "chip.json: found \"x\", expected y"
  }
 ]
}
)");
  const std::string text = sweep_text(axes, rows);
  EXPECT_NE(text.find("refused: found \"x\", expected y"), std::string::npos) << text;
  EXPECT_NE(text.find("2 combinations, 1 measured, 1 on the Pareto front"), std::string::npos) << text;
}

}  // namespace
}  // namespace spikeloop::tools
