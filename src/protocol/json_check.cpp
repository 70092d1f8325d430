#include "protocol/json_check.hpp"

#include <algorithm>

#include "protocol/json_scan.hpp"

namespace gatecast::protocol {

bool valid_json(std::string_view json) {
  if (!is_utf8(json)) return false;
  JsonScan scan(json);
  scan.skip_space();
  std::string_view slice;
  if (!scan.value(slice)) return false;
  scan.skip_space();
  return scan.at_end();
}

bool has_top_level_member(std::string_view json, std::string_view name) {
  JsonScan scan(json);
  scan.skip_space();
  if (scan.peek() != '{') return false;
  bool found = false;
  const bool valid = scan.members([&](const JsonScan::Text& member) {
    found = found || text_equals(member, name);
    std::string_view slice;
    return scan.value(slice);
  });
  return valid && found;
}

std::string_view compact_newlines(std::string_view json, std::string& scratch) {
  if (json.find_first_of("\r\n") == std::string_view::npos) return json;
  scratch.assign(json);
  std::erase_if(scratch, [](char c) { return c == '\n' || c == '\r'; });
  return scratch;
}

}  // namespace gatecast::protocol
