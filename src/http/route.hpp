// Finds the route of a method and path.
//
// Built at start-up from the route table, then read by any thread. A pattern's segments are literal or `{name}`, which
// matches one segment that is not empty. A literal path wins over a pattern; among patterns the first added.
// The table is ours: a malformed pattern or a route given twice aborts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gatecast::http {

struct RouteMatch {
  enum class Kind : unsigned char {
    found,
    /// OPTIONS on a path that has no route of its own for it: a preflight, or an empty answer with Allow.
    options,
    not_found,
    /// 405 with Allow.
    method_not_allowed,
  };
  Kind kind = Kind::not_found;
  std::size_t index = 0;                                           // of the route, where found
  std::vector<std::pair<std::string_view, std::string>> params{};  // names live in the router
  std::string allow{};                                             // for options and method_not_allowed

  /// The parameter's value; empty where there is none.
  std::string_view param(std::string_view name) const;
};

class Router {
 public:
  /// `base_path` is stripped from paths before they are matched; paths outside it are not found. "" or "/…", with no
  /// slash at its end.
  explicit Router(std::string base_path = {});

  /// `index` is the caller's: its place in the route table.
  void add(std::string_view method, std::string_view pattern, std::size_t index);
  /// `path` is decoded (Request::path). HEAD is served by GET.
  RouteMatch match(std::string_view method, std::string_view path) const;
  /// The route of exactly this method on this path, for a preflight's Access-Control-Request-Method.
  std::optional<std::size_t> route_of(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    std::string pattern;
    std::vector<std::string> segments;  // "{name}" as in the pattern
    bool literal = true;
    std::vector<std::pair<std::string, std::size_t>> methods;
  };
  const Entry* find(std::string_view path) const;
  std::optional<std::string_view> strip(std::string_view path) const;

  std::string base_path_;
  std::vector<Entry> entries_;
};

}  // namespace gatecast::http
