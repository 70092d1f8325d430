// What `gatecast doctor` looks at, by name: each check with what it means and what cures it.
//
// Place: the judges (check_config, check_keys, check_host, check_running; in app those that need the store or the
// network) give Checks; the command line, the start-up's log and the server API's `checks` show them. docs/doctor.md is
// made of the table. Pure; any thread. An id that is not in the table does not compile.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/checks/checks_table.hpp"

namespace gatecast::server {

enum class CheckLevel : std::uint8_t { ok, warn, fail, skip };
std::string_view name(CheckLevel level);

/// The place of an id in the table.
struct CheckId {
  std::size_t index;
  consteval CheckId(const char* id) : index(0) {  // NOLINT: an id is written as a text
    while (index < std::size(kChecks) && kChecks[index].id != id) ++index;
    if (index == std::size(kChecks)) throw "no such check";
  }
};

struct Check {
  std::string_view id;
  CheckLevel level = CheckLevel::ok;
  std::string seen;
  std::string cure{};          // of warn and fail
  std::optional<double> ms{};  // of the steps of --live
};
using Checks = std::vector<Check>;

Check check_ok(CheckId id, std::string seen);
/// Not looked at, and why.
Check check_skip(CheckId id, std::string why);
/// Without a cure of its own the table's.
Check check_warn(CheckId id, std::string seen, std::string cure = {});
Check check_fail(CheckId id, std::string seen, std::string cure = {});

std::size_t count(std::span<const Check> checks, CheckLevel level);
/// What fails first, then warnings, what is fine, what was skipped; within these the order given.
void sort_by_need(Checks& checks);
/// One line each, and a cure's beneath; then how many of each.
std::string render_checks(std::span<const Check> checks);
/// `[{id, level, seen, cure?, ms?}, …]`
std::string checks_json(std::span<const Check> checks);
/// The same read again, as the running server sent it; rows that are none are left out.
Checks read_checks(std::string_view json_list);
/// docs/doctor.md
std::string render_check_reference();

}  // namespace gatecast::server
