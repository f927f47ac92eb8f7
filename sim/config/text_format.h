#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

/// Small helpers for texts that people read.
namespace spikeloop::sim {

/// 1234567 -> "1,234,567".
std::string grouped(std::int64_t n);

/// "1 tile", "64 tiles".
std::string count_of(std::int64_t n, const std::string& thing);

/// With this many digits behind the point.
std::string fixed_point(double value, int digits);

/// 1.28e10 -> "12.8 G", 0.0042 -> "4.20 m": three to four digits and the prefix of the unit that follows.
std::string scaled(double value);

/// Breaks a text into lines of at most `width` characters, each with `indent` spaces before it. A word that
/// is longer than a line stays whole.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width = 110);

/// A text at the left (right) of a column of at least `width` characters.
std::string left(const std::string& text, std::size_t width);
std::string right(const std::string& text, std::size_t width);

}  // namespace spikeloop::sim
