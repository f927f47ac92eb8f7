#include "nas/genotype.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "nas/settings.h"
#include "nas/space.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::Op;

CellMatrix cell_of(const std::string& text) {
  CellMatrix cell1{}, cell2{};
  models::parse_cells(text, "test", cell1, cell2);
  return cell1;
}

CellMatrix matrix_of(const nlohmann::json& rows) {
  CellMatrix cell{};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 4; ++j) cell[i][j] = static_cast<Op>(rows.at(i).at(j).get<int>());
  return cell;
}

std::string unit_vectors_path() {
  const char* shared = std::getenv("SPIKELOOP_SHARED");
  const std::string folder = shared != nullptr ? shared : std::string(SPIKELOOP_SOURCE_DIR) + "/../shared";
  return folder + "/refs/snasnet/unit_vectors.json";
}

Candidate draw_candidate(std::uint64_t draw, CellType type, bool shared_cell) {
  Space space;
  space.cell_type = type;
  space.shared_cell = shared_cell;
  RandomStream random(derive_seed(7, draw));
  return random_candidate(space, random);
}

/// Means over accepted draws, as the reference population has them.
struct Population {
  double accepted = 0, only_direct = 0, nonzero_edges = 0, conv3x3 = 0, conv1x1 = 0;
};

Population sample_population(CellType type, int draws) {
  RandomStream random(11);
  Population p;
  for (int i = 0; i < draws; ++i) {
    const CleanedCell cleaned = clean(sample_raw(random, type));
    if (!cleaned.accepted) continue;
    ++p.accepted;
    int edges = 0;
    for (const auto& row : cleaned.cell) {
      for (const Op op : row) {
        edges += op != Op::kZero ? 1 : 0;
        p.conv3x3 += op == Op::kConv3x3 ? 1 : 0;
        p.conv1x1 += op == Op::kConv1x1 ? 1 : 0;
      }
    }
    p.nonzero_edges += edges;
    p.only_direct += edges == 1 ? 1 : 0;
  }
  return p;
}

TEST(Genotype, CleansAsTheReleasedSearchDoes) {
  const std::string path = unit_vectors_path();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "absent: " << path;
  std::ifstream file(path);
  const auto vectors = nlohmann::json::parse(file);
  for (const char* key : {"clean_forward", "clean_backward"}) {
    ASSERT_EQ(vectors.at(key).size(), 30U);
    for (const auto& vector : vectors.at(key)) {
      const CleanedCell cleaned = clean(matrix_of(vector.at(0)));
      EXPECT_EQ(cleaned.cell, matrix_of(vector.at(1))) << key << ' ' << vector;
      EXPECT_EQ(cleaned.accepted, vector.at(2).get<bool>()) << key << ' ' << vector;
    }
  }
}

TEST(Genotype, PopulationIsTheReleasedOne) {
  const std::string path = unit_vectors_path();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "absent: " << path;
  std::ifstream file(path);
  const auto vectors = nlohmann::json::parse(file);
  for (const CellType type : {CellType::kForward, CellType::kBackward}) {
    const auto& reference = vectors.at(std::string("population_") + to_string(type));
    const int draws = reference.at("draws").get<int>();
    const Population p = sample_population(type, draws);
    // Four standard deviations of both samples of a share near one half are 4 * sqrt(2 * 0.25 / n) = 0.03.
    const double accepted = reference.at("accepted").get<double>();
    EXPECT_NEAR(p.accepted / draws, accepted / draws, 0.02) << to_string(type);
    EXPECT_NEAR(p.only_direct / p.accepted, reference.at("only_the_direct_edge").get<double>() / accepted,
                0.03);
    EXPECT_NEAR(p.nonzero_edges / p.accepted, reference.at("mean_nonzero_edges").get<double>(), 0.1);
    EXPECT_NEAR(p.conv3x3 / p.accepted, reference.at("mean_3x3").get<double>(), 0.06);
    EXPECT_NEAR(p.conv1x1 / p.accepted, reference.at("mean_1x1").get<double>(), 0.06);
  }
}

TEST(Genotype, SpaceHasTheEnumeratedSizes) {
  EXPECT_EQ(count_cells(CellType::kForward), 7'556);
  EXPECT_EQ(count_cells(CellType::kBackward), 104'708);
  EXPECT_LT(count_cells(CellType::kForward, true), 7'556);
  EXPECT_LT(count_cells(CellType::kBackward, true), 104'708);
}

TEST(Genotype, CanonicalFormIsOneOfBothNumberings) {
  const CellMatrix a = cell_of("0233/0003/0001/0000");
  const CellMatrix b = cell_of("0323/0001/0003/0000");  // inner nodes swapped
  EXPECT_NE(a, b);
  EXPECT_EQ(canonical(a), canonical(b));
  EXPECT_EQ(canonical(canonical(a)), canonical(a));
  const CellMatrix joined = cell_of("0323/0010/0003/0000");  // an edge joins them: order matters
  EXPECT_EQ(canonical(joined), joined);
  EXPECT_EQ(canonical(cell_of("0301/0000/0000/0000")), cell_of("0001/0000/0000/0000"));  // dead end removed
}

TEST(Genotype, ValidityNamesWhatTheSearchMayBuild) {
  EXPECT_TRUE(is_valid(cell_of("0303/0030/2002/0200")));
  EXPECT_TRUE(is_valid(cell_of("0302/0030/3003/0000")));
  EXPECT_FALSE(is_valid(cell_of("0300/0033/0003/0000")));  // no direct edge
  EXPECT_FALSE(is_valid(cell_of("0301/0000/0000/0000")));  // node 1 reaches nothing
  EXPECT_FALSE(is_valid(cell_of("0303/0030/2002/3200")));  // both directions between 0 and 3
}

TEST(Genotype, DrawsAreAPureFunctionOfSeedAndNumber) {
  std::set<CellMatrix> distinct;
  for (std::int64_t draw = 0; draw < 50; ++draw) {
    const Candidate cells = draw_candidate(draw, CellType::kBackward, true);
    EXPECT_TRUE(is_valid(cells.cell1));
    EXPECT_EQ(cells.cell1, cells.cell2);
    EXPECT_EQ(cells.cell1, draw_candidate(draw, CellType::kBackward, true).cell1);
    distinct.insert(cells.cell1);
  }
  EXPECT_GT(distinct.size(), 10U);
  int different_cells = 0, forward_with_feedback = 0;
  for (std::int64_t draw = 0; draw < 50; ++draw) {
    const Candidate cells = draw_candidate(draw, CellType::kForward, false);
    different_cells += cells.cell1 != cells.cell2 ? 1 : 0;
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < i; ++j) forward_with_feedback += cells.cell1[i][j] != Op::kZero ? 1 : 0;
  }
  EXPECT_GT(different_cells, 25);
  EXPECT_EQ(forward_with_feedback, 0);
}

TEST(Genotype, HashIdentifiesACandidate) {
  const auto hash_of = [](const models::SnasnetSpec& spec) {
    Design design;
    design.spec = spec;
    return candidate_hash(design, "shapes", 1);
  };
  Design design;
  models::SnasnetSpec& spec = design.spec;
  spec.cell1 = spec.cell2 = cell_of("0233/0003/0001/0000");
  const std::string hash = hash_of(spec);
  EXPECT_EQ(hash.size(), 64U);
  models::SnasnetSpec same = spec;
  same.cell1 = cell_of("0323/0001/0003/0000");
  EXPECT_EQ(hash_of(same), hash);
  EXPECT_NE(candidate_hash(design, "cifar10", 1), hash);
  EXPECT_NE(candidate_hash(design, "shapes", 2), hash);
  models::SnasnetSpec wider = spec;
  wider.channels += 1;
  EXPECT_NE(hash_of(wider), hash);
  models::SnasnetSpec other = spec;
  other.cell2 = cell_of("0303/0030/2002/0200");
  EXPECT_NE(hash_of(other), hash);
  models::SnasnetSpec soft = spec;
  soft.neuron.reset = models::ResetKind::kSoft;
  EXPECT_NE(hash_of(soft), hash);
  models::SnasnetSpec lower = spec;
  lower.cell1 = cell_of("0233/0003(0.5)/0001/0000");
  EXPECT_NE(hash_of(lower), hash);
  Design fewer_bits = design, other_chip = design;
  fewer_bits.weight_bits = 4;
  other_chip.chip.emplace_back("crossbar.rows", "64");
  EXPECT_NE(candidate_hash(fewer_bits, "shapes", 1), hash);
  EXPECT_NE(candidate_hash(other_chip, "shapes", 1), hash);
}

TEST(Genotype, CellTypeWords) {
  EXPECT_EQ(parse_cell_type("forward", "--cell-type"), CellType::kForward);
  EXPECT_EQ(parse_cell_type("backward", "--cell-type"), CellType::kBackward);
  EXPECT_THROW(parse_cell_type("Backward", "--cell-type"), InputError);
}

}  // namespace
}  // namespace spikeloop::nas
