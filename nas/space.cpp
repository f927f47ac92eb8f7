#include "nas/space.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <sstream>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::Op;

constexpr std::int64_t kSaturated = std::int64_t{1} << 62;
constexpr std::array<const char*, 3> kNetworkAxes{"channels", "timesteps", "weight_bits"};
constexpr std::array<std::pair<const char*, Op>, 5> kOpNames{{{"zero", Op::kZero},
                                                              {"skip", Op::kSkip},
                                                              {"conv1x1", Op::kConv1x1},
                                                              {"conv3x3", Op::kConv3x3},
                                                              {"avgpool3x3", Op::kAvgPool3x3}}};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text + at);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

std::int64_t times(std::int64_t a, std::int64_t b) {
  return b != 0 && a > kSaturated / b ? kSaturated : a * b;
}

CellOp parse_op(const std::string& text, const std::string& place) {
  const std::size_t bracket = text.find('(');
  const std::string name = text.substr(0, bracket);
  CellOp op;
  std::string known;
  for (const auto& [word, value] : kOpNames) {
    known += (known.empty() ? "" : ", ") + std::string(word);
    if (name == word) op = value;
  }
  if (op == Op::kZero && name != "zero")
    throw InputError("command line", place, '"' + text + '"',
                     "operations out of " + known + ", comma-separated");
  if (bracket == std::string::npos) return op;
  // The text of cells knows thresholds already.
  CellMatrix cell{}, same{};
  const std::string digit(1, static_cast<char>('0' + static_cast<int>(op.op)));
  models::parse_cells("000" + digit + text.substr(bracket) + "/0000/0000/0000", place, cell, same);
  return cell[0][3];
}

}  // namespace

std::string to_text(const Candidate& candidate) {
  std::string text = models::to_text(candidate.cell1, candidate.cell2);
  for (const auto& [name, value] : candidate.choices) text += ' ' + name + '=' + value;
  return text;
}

Candidate parse_candidate(const std::string& text, const std::string& place) {
  const std::vector<std::string> parts = split(text, ' ');
  Candidate candidate;
  models::parse_cells(parts.front(), place, candidate.cell1, candidate.cell2);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == parts[i].size())
      throw InputError("command line", place, '"' + parts[i] + '"', "NAME=VALUE behind the cells");
    candidate.choices.emplace_back(parts[i].substr(0, equals), parts[i].substr(equals + 1));
  }
  return candidate;
}

Candidate canonical(const Candidate& candidate) {
  return {canonical(candidate.cell1), canonical(candidate.cell2), candidate.choices};
}

bool is_network_axis(const std::string& name) {
  return std::find(kNetworkAxes.begin(), kNetworkAxes.end(), name) != kNetworkAxes.end();
}

Axis parse_axis(const std::string& text, const std::string& place) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError("command line", place, '"' + text + '"', "NAME=VALUE,VALUE,... such as channels=8,16");
  Axis axis{text.substr(0, equals), split(text.substr(equals + 1), ',')};
  std::set<std::string> seen;
  for (const std::string& value : axis.values) {
    if (value.empty() || value.find(' ') != std::string::npos)
      throw InputError("command line", place, '"' + text + '"', "values between commas, without blanks");
    if (!seen.insert(value).second)
      throw InputError("command line", place, value + " twice in \"" + text + '"', "every value once");
    if (!is_network_axis(axis.name)) continue;
    char* end = nullptr;
    const long number = std::strtol(value.c_str(), &end, 10);
    if (*end != 0 || number < 1)
      throw InputError("command line", place, '"' + value + "\" for " + axis.name, "positive integers");
  }
  return axis;
}

std::vector<CellOp> parse_ops(const std::string& text, const std::string& place) {
  std::vector<CellOp> ops;
  for (const std::string& part : split(text, ',')) {
    const CellOp op = parse_op(part, place);
    if (op == Op::kZero) continue;  // always there
    if (std::find(ops.begin(), ops.end(), op) != ops.end())
      throw InputError("command line", place, part + " twice", "every operation once");
    ops.push_back(op);
  }
  if (ops.empty() || ops.size() > 15)
    throw InputError("command line", place, std::to_string(ops.size()) + " operations besides zero",
                     "1 to 15");
  std::sort(ops.begin(), ops.end());
  return ops;
}

std::string to_text(const std::vector<CellOp>& ops) {
  std::string text;
  for (const CellOp& op : ops) {
    CellMatrix cell{};
    cell[0][3] = op;
    const std::string shown = models::to_text(cell, {});  // "0003(0.5)/..."
    if (!text.empty()) text += ',';
    text += kOpNames[static_cast<std::size_t>(op.op)].first + shown.substr(4, shown.find('/') - 4);
  }
  return text;
}

std::vector<CellMatrix> cells_of(const Space& space) {
  return enumerate_cells(space.cell_type, space.ops, space.direct_edge, true);
}

std::int64_t size_of(const Space& space, std::int64_t cells) {
  std::int64_t size = space.shared_cell ? cells : times(cells, cells);
  for (const Axis& axis : space.axes) size = times(size, static_cast<std::int64_t>(axis.values.size()));
  return size;
}

Candidate candidate_at(const Space& space, const std::vector<CellMatrix>& cells, std::int64_t index) {
  Candidate candidate;
  const auto take = [&](std::size_t count) {
    const auto n = static_cast<std::int64_t>(count);
    const auto digit = static_cast<std::size_t>(index % n);
    index /= n;
    return digit;
  };
  for (const Axis& axis : space.axes)
    candidate.choices.emplace_back(axis.name, axis.values[take(axis.values.size())]);
  candidate.cell1 = cells[take(cells.size())];
  candidate.cell2 = space.shared_cell ? candidate.cell1 : cells[take(cells.size())];
  return candidate;
}

CellMatrix random_cell(const Space& space, RandomStream& random) {
  const std::size_t nodes = CellMatrix{}.size();
  while (true) {
    CellMatrix cell{};
    for (std::size_t from = 0; from < nodes; ++from) {
      for (std::size_t to = from + 1; to < nodes; ++to) {
        const bool reverse = space.cell_type == CellType::kBackward && random.below(2) == 1;
        const std::size_t op = random.below(space.ops.size() + 1);
        if (op > 0) (reverse ? cell[to][from] : cell[from][to]) = space.ops[op - 1];
      }
    }
    const CleanedCell cleaned = clean(cell);
    if (space.direct_edge ? cleaned.accepted : cleaned.connected) return canonical(cleaned.cell);
  }
}

Candidate random_candidate(const Space& space, RandomStream& random) {
  Candidate candidate;
  candidate.cell1 = random_cell(space, random);
  candidate.cell2 = space.shared_cell ? candidate.cell1 : random_cell(space, random);
  for (const Axis& axis : space.axes)
    candidate.choices.emplace_back(axis.name, axis.values[random.below(axis.values.size())]);
  return candidate;
}

}  // namespace spikeloop::nas
