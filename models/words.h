#pragma once
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "traces/support/error.h"

/// Enumerations as words of options and files.
namespace spikeloop::models {

template <class Enum, std::size_t N>
using Words = std::array<std::pair<const char*, Enum>, N>;

template <class Enum, std::size_t N>
const char* word_of(const Words<Enum, N>& words, Enum value) {
  for (const auto& [word, known] : words)
    if (known == value) return word;
  return "";
}

/// Throws InputError naming `place` and the words, the nearest first when there is one.
template <class Enum, std::size_t N>
Enum parse_word(const Words<Enum, N>& words, const std::string& text, const std::string& place) {
  std::vector<std::string> names;
  std::string all;
  for (const auto& [word, value] : words) {
    if (text == word) return value;
    names.emplace_back(word);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  const std::string nearest = nearest_word(text, names);
  throw InputError("command line", place, '"' + text + '"',
                   "one of " + all + (nearest.empty() ? "" : " (did you mean " + nearest + "?)"));
}

}  // namespace spikeloop::models
