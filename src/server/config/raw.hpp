// Configuration values as read, before their keys and types are known: one tree, whatever the source.
//
// Place: between the readers (TOML, JSON in variables and flags) and the table of keys. Pure but for `where`, which
// remembers where each value stands so that a finding can say it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/config/load.hpp"

namespace gatecast::server {

struct Raw {
  using List = std::vector<Raw>;
  using Table = std::vector<std::pair<std::string, Raw>>;

  std::variant<bool, std::int64_t, double, std::string, List, Table> value{Table{}};
  std::string where{};     // as in Finding
  std::string folder{};    // relative paths start here; empty: the working folder
  bool from_text = false;  // a variable or flag: "5" may stand for a number, "true" for a boolean

  const Table* table() const { return std::get_if<Table>(&value); }
  const List* list() const { return std::get_if<List>(&value); }
  const std::string* text() const { return std::get_if<std::string>(&value); }
  /// The member of that name, or null.
  Raw* find(std::string_view name);
};

/// Puts `over` on `under`: tables member by member, everything else as a whole.
void overlay(Raw& under, Raw&& over);
/// Sets the value at "a.b.c", making tables on the way.
void put(Raw& root, std::string_view path, Raw&& value);

/// Parses TOML; syntax errors become findings named `name:line:column`. Never throws.
bool read_toml(std::string_view text, const std::string& name, const std::string& folder, Raw& out,
               std::vector<Finding>& findings);
/// Parses a JSON list or object of a variable or flag; `problem` says what is wrong.
bool read_json(std::string_view text, const Raw& origin, Raw& out, std::string& problem);

}  // namespace gatecast::server
