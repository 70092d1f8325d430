#include "http/route.hpp"

#include <algorithm>
#include <cstdlib>

namespace gatecast::http {
namespace {

bool is_param(std::string_view segment) { return segment.starts_with('{'); }

/// "/a/b" as {"a", "b"}; "/" as {""}.
std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    out.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

bool well_formed(std::string_view segment) {
  if (!is_param(segment)) return segment.find_first_of("{}") == std::string_view::npos;
  return segment.size() > 2 && segment.find('}') == segment.size() - 1 && segment.rfind('{') == 0;
}

/// The next segment of a path from which the slash before it was taken.
std::string_view next_segment(std::string_view& rest) {
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(std::min(segment.size() + 1, rest.size()));
  return segment;
}

bool matches(const std::vector<std::string>& pattern, std::string_view path) {
  if (static_cast<std::size_t>(std::ranges::count(path, '/')) != pattern.size()) return false;
  std::string_view rest = path.substr(1);
  return std::ranges::all_of(pattern, [&rest](const std::string& expected) {
    const std::string_view segment = next_segment(rest);
    return is_param(expected) ? !segment.empty() : segment == expected;
  });
}

template <class Methods>
auto find_method(Methods& methods, std::string_view method) {
  return std::ranges::find_if(methods, [method](const auto& m) { return m.first == method; });
}

}  // namespace

std::string_view RouteMatch::param(std::string_view name) const {
  const auto found = std::ranges::find_if(params, [name](const auto& p) { return p.first == name; });
  return found == params.end() ? std::string_view{} : std::string_view(found->second);
}

Router::Router(std::string base_path) : base_path_(std::move(base_path)) {
  if (!base_path_.empty() && (base_path_.front() != '/' || base_path_.back() == '/')) std::abort();
}

void Router::add(std::string_view method, std::string_view pattern, std::size_t index) {
  if (!pattern.starts_with('/')) std::abort();
  auto entry = std::ranges::find_if(entries_, [pattern](const Entry& e) { return e.pattern == pattern; });
  if (entry == entries_.end()) {
    Entry made{std::string(pattern), split(pattern), true, {}};
    if (!std::ranges::all_of(made.segments, well_formed)) std::abort();
    made.literal = std::ranges::none_of(made.segments, is_param);
    entries_.push_back(std::move(made));
    entry = entries_.end() - 1;
  }
  if (find_method(entry->methods, method) != entry->methods.end()) std::abort();
  entry->methods.emplace_back(method, index);
}

std::optional<std::string_view> Router::strip(std::string_view path) const {
  if (!path.starts_with(base_path_)) return std::nullopt;
  path.remove_prefix(base_path_.size());
  if (!path.starts_with('/')) return std::nullopt;
  return path;
}

const Router::Entry* Router::find(std::string_view path) const {
  const Entry* pattern = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.literal) {
      if (entry.pattern == path) return &entry;
    } else if (pattern == nullptr && matches(entry.segments, path)) {
      pattern = &entry;
    }
  }
  return pattern;
}

RouteMatch Router::match(std::string_view method, std::string_view path) const {
  RouteMatch out;
  const auto stripped = strip(path);
  const Entry* entry = stripped ? find(*stripped) : nullptr;
  if (entry == nullptr) return out;

  auto found = find_method(entry->methods, method);
  if (found == entry->methods.end() && method == "HEAD") found = find_method(entry->methods, "GET");
  if (found == entry->methods.end()) {
    out.kind = method == "OPTIONS" ? RouteMatch::Kind::options : RouteMatch::Kind::method_not_allowed;
    for (const auto& [name, index] : entry->methods) {
      out.allow += name + ", ";
      if (name == "GET" && find_method(entry->methods, "HEAD") == entry->methods.end()) out.allow += "HEAD, ";
    }
    if (find_method(entry->methods, "OPTIONS") == entry->methods.end()) out.allow += "OPTIONS, ";
    out.allow.resize(out.allow.size() - 2);
    return out;
  }
  out.kind = RouteMatch::Kind::found;
  out.index = found->second;
  std::string_view rest = stripped->substr(1);
  for (const std::string& segment : entry->segments) {
    const std::string_view value = next_segment(rest);
    if (is_param(segment)) out.params.emplace_back(std::string_view(segment).substr(1, segment.size() - 2), value);
  }
  return out;
}

std::optional<std::size_t> Router::route_of(std::string_view method, std::string_view path) const {
  const auto stripped = strip(path);
  const Entry* entry = stripped ? find(*stripped) : nullptr;
  if (entry == nullptr) return std::nullopt;
  const auto found = find_method(entry->methods, method);
  if (found == entry->methods.end()) return std::nullopt;
  return found->second;
}

}  // namespace gatecast::http
