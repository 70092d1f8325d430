// The table of configuration keys: one row says everything about a key, and everything else follows from the rows.
//
// From it come the parser, the environment's names, `config show`, `config default` and docs/configuration.md: a new
// key is a member of its struct (with the default) and one row. Constant; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "server/config/config.hpp"

namespace gatecast::server {

/// Where a value lives. The type decides the form: uint64 is a size in bytes, uint32 a count, int64 an id, double a
/// share, Millis a duration.
using Slot = std::variant<bool*, std::uint32_t*, std::uint64_t*, double*, Millis*, std::string*, Strings*, Secret*,
                          std::optional<WallTime>*, ClaimsConfig*, Numbers*, std::int64_t*, ServiceUrl*>;

struct Row {
  std::string_view path;               // "http.address"; in an array of tables "api.key.name"
  Slot (*at)(Config&, std::size_t i);  // `i`: which table of the array
  std::string_view help;
  std::string_view choices = "";  // "any|off"
  std::int64_t min = 0;           // milliseconds for durations, thousandths for shares
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool required = false;  // in its table
};

struct ArrayRow {
  std::string_view path;  // "api.key", written [[api.key]]
  void (*resize)(Config&, std::size_t n);
  std::size_t (*size)(const Config&);
  std::string_view help;
};

struct SectionRow {
  std::string_view path;
  std::string_view help;
};

std::span<const Row> rows();
std::span<const ArrayRow> arrays();
std::span<const SectionRow> sections();

const Row* find_row(std::string_view path);
const ArrayRow* find_array(std::string_view path);
/// The array this path lies in, or null.
const ArrayRow* array_of(std::string_view path);
bool is_section(std::string_view path);
/// GATECAST_HTTP__ADDRESS for http.address.
std::string environment_name(std::string_view path);
/// The known path nearest to a wrong one, or "".
std::string_view nearest_path(std::string_view path);
/// Edits (insert, delete, replace, swap neighbours) from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace gatecast::server
