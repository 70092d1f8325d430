#include "server/config/difference.hpp"

#include <algorithm>
#include <map>

#include "server/config/table.hpp"

namespace gatecast::server {
namespace {

/// What a reload takes; everything else needs a restart. token.key and its defaults show as rings.
constexpr std::string_view kReloaded[] = {"api.key",   "ops.operator", "token.trusted", "session.key",
                                          "namespace", "log",          "token.key_dir", "limits.log_burst"};
/// A port that speaks TLS takes another certificate; one that is plain stays so.
constexpr std::string_view kCertificates[] = {"http.tls", "ops.tls"};
constexpr std::string_view kShownAsRing[] = {"token.key", "token.algorithm"};

bool among(std::span<const std::string_view> paths, std::string_view path) {
  return std::ranges::any_of(paths, [path](std::string_view p) {
    return path == p || (path.size() > p.size() && path.starts_with(p) && path[p.size()] == '.');
  });
}

bool same(const Secret& a, const Secret& b) { return a.expose() == b.expose(); }
bool same(const ClaimsConfig& a, const ClaimsConfig& b) { return a.profile == b.profile && a.members == b.members; }
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}

bool same(const Slot& a, const Slot& b) {
  return std::visit(
      [&b](const auto* left) {
        const auto* const* right = std::get_if<std::remove_const_t<std::remove_reference_t<decltype(*left)>>*>(&b);
        return right != nullptr && same(*left, **right);
      },
      a);
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

/// What a table of an array is known by: its name or id, and where that is shown, its fingerprint.
std::string name_of(const ArrayRow& array, Config& config, std::size_t i) {
  for (const Row& row : rows()) {
    const auto part = last_part(row.path);
    if (array_of(row.path) != &array || (part != "name" && part != "id")) continue;
    const auto slot = row.at(config, i);
    if (const auto* const* text = std::get_if<std::string*>(&slot)) return (*text)->empty() ? "\"\"" : **text;
  }
  return fmt::format("{}", i);
}

std::string fingerprint_of(const ArrayRow& array, const Config& config, std::size_t i) {
  if (array.path == "api.key") return config.api_keys[i].fingerprint;
  if (array.path == "ops.operator") return config.ops.operators[i].fingerprint;
  if (array.path == "session.key") return config.session.keys[i].fingerprint;
  return {};
}

std::string shown(const ArrayRow& array, const Config& config, const std::string& name, std::size_t i) {
  const auto print = fingerprint_of(array, config, i);
  return print.empty() ? fmt::format("{} {}", array.path, name) : fmt::format("{} {} ({})", array.path, name, print);
}

using Places = std::map<std::string, std::size_t>;
Places places(const ArrayRow& array, Config& config) {
  Places out;
  for (std::size_t i = 0; i < array.size(config); ++i) {
    std::string name = name_of(array, config, i);
    if (out.contains(name)) name += fmt::format("[{}]", i);
    out.emplace(std::move(name), i);
  }
  return out;
}

/// The members that differ, "secret" where only the key behind a file does.
std::vector<std::string> members(const ArrayRow& array, Config& before, std::size_t i, Config& after, std::size_t j) {
  std::vector<std::string> out;
  for (const Row& row : rows()) {
    if (array_of(row.path) == &array && !same(row.at(before, i), row.at(after, j))) {
      out.emplace_back(last_part(row.path));
    }
  }
  if (out.empty() && fingerprint_of(array, before, i) != fingerprint_of(array, after, j)) out.emplace_back("secret");
  return out;
}

void compare_tables(const ArrayRow& array, Config& before, Config& after, std::vector<std::string>& changed) {
  const Places old = places(array, before);
  const Places now = places(array, after);
  for (const auto& [name, j] : now) {
    const auto was = old.find(name);
    if (was == old.end()) {
      changed.push_back(shown(array, after, name, j) + " added");
      continue;
    }
    const auto differing = members(array, before, was->second, after, j);
    if (differing.empty()) continue;
    changed.push_back(fmt::format("{}: {}", shown(array, after, name, j), fmt::join(differing, ", ")));
  }
  for (const auto& [name, i] : old) {
    if (!now.contains(name)) changed.push_back(shown(array, before, name, i) + " removed");
  }
  // The first makes: an order that changed is a change.
  if (array.path == "session.key" && array.size(before) > 0 && array.size(after) > 0) {
    const auto first = name_of(array, after, 0);
    if (first != name_of(array, before, 0)) changed.push_back(fmt::format("session.key {} makes", first));
  }
}

bool same_tables(const ArrayRow& array, Config& before, Config& after) {
  if (array.size(before) != array.size(after)) return false;
  for (std::size_t i = 0; i < array.size(before); ++i) {
    if (!members(array, before, i, after, i).empty()) return false;
  }
  return true;
}

std::string shown(const token::Key& key) { return fmt::format("token.key {} ({})", key.kid(), key.fingerprint()); }

}  // namespace

ConfigDifference difference(Config started, Config taken, Config fresh) {
  ConfigDifference out;
  for (const ArrayRow& array : arrays()) {
    if (among(kShownAsRing, array.path)) continue;
    if (among(kReloaded, array.path)) {
      compare_tables(array, taken, fresh, out.changed);
    } else if (!same_tables(array, started, fresh)) {
      out.restart.emplace_back(array.path);
    }
  }
  for (const Row& row : rows()) {
    if (array_of(row.path) != nullptr || among(kShownAsRing, row.path)) continue;
    const auto& before = row.path.starts_with("http.") ? started.http.tls : started.ops.tls;
    const auto& after = row.path.starts_with("http.") ? fresh.http.tls : fresh.ops.tls;
    const bool certificate = among(kCertificates, row.path) && !before.cert.empty() && !after.cert.empty();
    const bool reloaded = certificate || among(kReloaded, row.path);
    if (same(row.at(reloaded ? taken : started, 0), row.at(fresh, 0))) continue;
    (reloaded ? out.changed : out.restart).emplace_back(row.path);
  }
  return out;
}

std::vector<std::string> difference(const token::KeyRing& before, const token::KeyRing& after) {
  std::vector<std::string> out;
  for (const auto& key : after.keys()) {
    const auto* was = before.find(key.kid());
    if (was == nullptr) {
      out.push_back(shown(key) + " added");
    } else if (was->fingerprint() != key.fingerprint()) {
      out.push_back(shown(key) + ": another key under that id");
    } else if (was->use_until() != key.use_until()) {
      out.push_back(shown(key) + ": use_until");
    }
  }
  for (const auto& key : before.keys()) {
    if (after.find(key.kid()) == nullptr) out.push_back(shown(key) + " removed");
  }
  if (before.active().kid() != after.active().kid()) out.push_back(shown(after.active()) + " signs");
  return out;
}

}  // namespace gatecast::server
