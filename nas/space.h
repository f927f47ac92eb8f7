#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/snasnet_spec.h"
#include "nas/genotype.h"

/// What a search may choose from, and one choice.
namespace spikeloop::nas {

/// One point of a search space. Equal texts, equal candidates.
struct Candidate {
  models::CellMatrix cell1{}, cell2{};
  /// What the space varies besides the cells, by name, in the space's order: {"channels", "16"},
  /// {"crossbar.rows", "64"}.
  std::vector<std::pair<std::string, std::string>> choices;
};

/// "0303/0030/2002/0200|0303/0030/2002/0200 channels=16 crossbar.rows=64": the cells as in to_text(cells),
/// then each choice behind a blank.
std::string to_text(const Candidate& candidate);
/// Inverse of to_text. Throws InputError naming `place`.
Candidate parse_candidate(const std::string& text, const std::string& place);
/// With both cells in canonical form.
Candidate canonical(const Candidate& candidate);

/// Something besides the cells that a search varies: a number of the network (channels, timesteps,
/// weight_bits) or a path of the chip's configuration (hardware co-search), and the values it may take.
struct Axis {
  std::string name;
  std::vector<std::string> values;
};
/// The axes that belong to the network; all others are paths of the chip's configuration.
bool is_network_axis(const std::string& name);
/// "channels=8,16,24" or "adc.bits=5,6". Throws InputError naming `place`.
Axis parse_axis(const std::string& text, const std::string& place);

struct Space {
  /// What an edge may be; it may always be nothing as well (but for SNASNet's direct edge).
  std::vector<models::CellOp> ops{models::Op::kSkip, models::Op::kConv1x1, models::Op::kConv3x3,
                                  models::Op::kAvgPool3x3};
  CellType cell_type = CellType::kBackward;
  bool shared_cell = true;  ///< the same cell in both places
  bool direct_edge = true;  ///< SNASNet's rule: an edge from a cell's input to its output
  std::vector<Axis> axes;
};

/// "skip,conv1x1,conv3x3,avgpool3x3", convolutions with a threshold as "conv3x3(0.5)". "zero" may be named.
/// Throws InputError naming `place`.
std::vector<models::CellOp> parse_ops(const std::string& text, const std::string& place);
/// The shortest text that parses to it.
std::string to_text(const std::vector<models::CellOp>& ops);

/// All cells of the space, canonical, ascending.
std::vector<models::CellMatrix> cells_of(const Space& space);
/// Candidates of the space; saturates at 2^62.
std::int64_t size_of(const Space& space, std::int64_t cells);
/// Candidate number `index` of them in a fixed order, 0 <= index < size_of; `cells` as cells_of gives them.
Candidate candidate_at(const Space& space, const std::vector<models::CellMatrix>& cells, std::int64_t index);
/// A random cell of the space, canonical; as the released generator draws where the space is SNASNet's.
models::CellMatrix random_cell(const Space& space, RandomStream& random);
/// A random candidate; canonical.
Candidate random_candidate(const Space& space, RandomStream& random);

}  // namespace spikeloop::nas
