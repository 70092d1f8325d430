// Conformance scripts: cases as text, each tied to a section of an RFC.
//
//   ## RFC 6455 5.5           the section of the cases below; other lines with # are comments
//   case ping within a message
//   set message_bytes 100     an option of this case
//   > ...                     input; what follows is read by the layer's test
//   >> ...                    input in the layer's second form
//   < ping "x"                one line of the expected transcript
//
// Escapes: \r \n \t \\ \" \xNN, and \{N:text} for N times text. Every case runs whole, cut in two at every position,
// and byte by byte, and must give the same transcript. Test code: a malformed script throws.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::conformance {

struct Case {
  std::string where;  // file:line, section and name
  std::map<std::string, std::string> options{};
  std::string input{};
  std::vector<std::string> expected{};

  std::size_t number(const std::string& option, std::size_t otherwise) const {
    const auto found = options.find(option);
    return found == options.end() ? otherwise : std::stoul(found->second);
  }
};

inline std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = i + 1 < text.size() ? text[++i] : '\0';
    if (kind == 'r') {
      out.push_back('\r');
    } else if (kind == 'n') {
      out.push_back('\n');
    } else if (kind == 't') {
      out.push_back('\t');
    } else if (kind == '\\' || kind == '"') {
      out.push_back(kind);
    } else if (kind == 'x') {
      out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else if (kind == '{') {
      const auto colon = text.find(':', i);
      const auto end = text.find('}', i);
      if (colon == std::string_view::npos || end == std::string_view::npos || end < colon)
        throw std::runtime_error("\\{N:text}");
      const std::string piece = unescape(text.substr(colon + 1, end - colon - 1));
      for (auto n = std::stoul(std::string(text.substr(i + 1, colon - i - 1))); n > 0; --n) out += piece;
      i = end;
    } else {
      throw std::runtime_error("unknown escape in: " + std::string(text));
    }
  }
  return out;
}

/// Reads a line of input; `second` tells `>>` from `>`.
using ReadInput = std::function<std::string(std::string_view line, bool second)>;

inline std::vector<Case> load(const std::filesystem::path& folder, const ReadInput& read_input) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Case> cases;
  for (const auto& path : files) {
    std::ifstream in(path);
    std::string section;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      const std::string where = path.filename().string() + ":" + std::to_string(number);
      if (line.starts_with("## ")) {
        section = line.substr(3);
      } else if (line.empty() || line.starts_with('#')) {
        continue;
      } else if (line.starts_with("case ")) {
        if (section.empty()) throw std::runtime_error(where + ": case without a section");
        cases.push_back({where + " (" + section + ") " + line.substr(5)});
      } else if (cases.empty()) {
        throw std::runtime_error(where + ": text before the first case");
      } else if (line.starts_with("set ")) {
        const auto blank = line.find(' ', 4);
        cases.back().options[line.substr(4, blank - 4)] = blank == std::string::npos ? "" : line.substr(blank + 1);
      } else if (line.starts_with(">>")) {
        cases.back().input += read_input(std::string_view(line).substr(std::min<std::size_t>(line.size(), 3)), true);
      } else if (line.starts_with(">")) {
        cases.back().input += read_input(std::string_view(line).substr(std::min<std::size_t>(line.size(), 2)), false);
      } else if (line.starts_with("< ")) {
        cases.back().expected.push_back(line.substr(2));
      } else {
        throw std::runtime_error(where + ": unknown line: " + line);
      }
    }
  }
  return cases;
}

/// Where an input of that size is cut in two: everywhere, but in a long one only near its ends and sparsely between.
inline std::vector<std::size_t> cut_positions(std::size_t size) {
  constexpr std::size_t kNear = 512;
  constexpr std::size_t kStride = 1021;
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i < size; i += i < kNear || size - i <= kNear ? 1 : std::min(kStride, size - i - kNear + 1)) {
    out.push_back(i);
  }
  return out;
}

/// `transcript(input, cuts)`: what comes out when reads end at `cuts`. Returns a message for every difference.
template <class Transcript>
std::vector<std::string> check(const Case& c, Transcript transcript) {
  std::vector<std::string> problems;
  const auto compare = [&](const std::string& how, const std::vector<std::string>& got) {
    if (got == c.expected || problems.size() >= 3) return;
    std::string text = c.where + "\n  " + how + ":\n";
    for (const auto& line : c.expected) text += "  expected  " + line + "\n";
    for (const auto& line : got) text += "  got       " + line + "\n";
    problems.push_back(text);
  };
  compare("whole", transcript(c.input, std::vector<std::size_t>{}));
  for (const std::size_t cut : cut_positions(c.input.size())) {
    compare("cut at " + std::to_string(cut), transcript(c.input, std::vector<std::size_t>{cut}));
  }
  std::vector<std::size_t> each(c.input.size());
  for (std::size_t i = 0; i < each.size(); ++i) each[i] = i;
  compare("byte by byte", transcript(c.input, each));
  return problems;
}

}  // namespace gatecast::conformance
