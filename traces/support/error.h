#pragma once
#include <stdexcept>
#include <string>

namespace spikeloop {

/// Something the user gave (a config, trace, network, dataset, study or option) is wrong.
/// Programs print `what()` as one line on stderr and exit with 2.
///
/// The text is "FILE: PLACE: found X, expected Y": `file` is the path as the user gave it (or "command
/// line"), `place` a JSON pointer with line, a record number, a node name or an option.
class InputError : public std::runtime_error {
 public:
  InputError(const std::string& file, const std::string& place, const std::string& found,
             const std::string& expected);
};

/// The nearest of `words` to a misspelt `word` (edit distance at most 1/3 of its length, at least 1), or "".
template <class Words>
std::string nearest_word(const std::string& word, const Words& words);

/// Number of single-character edits (insert, delete, replace, swap of neighbours) between two words.
int edit_distance(const std::string& a, const std::string& b);

template <class Words>
std::string nearest_word(const std::string& word, const Words& words) {
  std::string best;
  int best_distance = static_cast<int>(word.size()) / 3 + 1;
  for (const auto& candidate : words) {
    const int d = edit_distance(word, candidate);
    if (d <= best_distance && (best.empty() || d < best_distance)) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace spikeloop
