#include "tests/support/vcd.h"

#include <sstream>
#include <stdexcept>

namespace spikeloop::testing {

std::uint64_t Vcd::at(const std::string& path, std::int64_t time) const {
  std::uint64_t value = 0;
  for (const auto& [t, v] : signals.at(path)) {
    if (t <= time) value = v;
  }
  return value;
}

Vcd parse_vcd(const std::string& text) {
  std::istringstream in(text);
  Vcd vcd;
  std::vector<std::string> scopes;
  std::map<std::string, std::string> path_of;
  const auto skip = [&] {
    std::string all;
    for (std::string word; in >> word && word != "$end";) all += word;
    return all;
  };
  const auto set = [&](const std::string& id, std::uint64_t value) {
    auto& changes = vcd.signals.at(path_of.at(id));
    if (!changes.empty() && changes.back().first == vcd.end) {
      changes.back().second = value;
    } else if (changes.empty() || changes.back().second != value) {
      changes.emplace_back(vcd.end, value);
    }
  };
  for (std::string word; in >> word;) {
    if (word == "$date" || word == "$version" || word == "$comment" || word == "$enddefinitions") {
      skip();
    } else if (word == "$timescale") {
      vcd.timescale = skip();
    } else if (word == "$scope") {
      std::string kind;
      std::string name;
      in >> kind >> name;
      scopes.push_back(name);
      skip();
    } else if (word == "$upscope") {
      scopes.pop_back();
      skip();
    } else if (word == "$var") {
      std::string kind;
      std::string bits;
      std::string id;
      std::string name;
      in >> kind >> bits >> id >> name;
      std::string path;
      for (const auto& s : scopes) path += s + ".";
      path += name;
      if (!vcd.signals.emplace(path, decltype(vcd.signals)::mapped_type{}).second) {
        throw std::runtime_error("two signals are called " + path);
      }
      path_of[id] = path;
      skip();
    } else if (word == "$dumpvars" || word == "$end") {
      continue;
    } else if (word.front() == '#') {
      const auto time = std::stoll(word.substr(1));
      if (time < vcd.end) throw std::runtime_error("time goes back at " + word);
      vcd.end = time;
    } else if (word.front() == 'b') {
      std::string id;
      in >> id;
      set(id, std::stoull(word.substr(1), nullptr, 2));
    } else if (word.front() == '0' || word.front() == '1') {
      set(word.substr(1), word.front() == '1' ? 1 : 0);
    } else {
      throw std::runtime_error("no VCD: " + word);
    }
  }
  return vcd;
}

}  // namespace spikeloop::testing
