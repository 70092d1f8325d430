#include "server/nodes/node_facts.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::int64_t kApartMax_ms = 30'000;
constexpr std::size_t kKeysMax = 64;
constexpr std::size_t kTextMax = 128;

std::string list_json(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const auto& text : texts) {
    if (list.size() > 1) list += ',';
    protocol::append_json_text(list, text);
  }
  return list + ']';
}

/// Names of nodes of which the same is wrong.
class Named {
 public:
  void add(const Neighbour& node, std::string what) { (*this)[std::move(what)].insert(node.name); }
  bool empty() const { return whats_.empty(); }
  std::string text() const {
    std::string out;
    for (const auto& [what, names] : whats_) {
      out += fmt::format("{}{} {}", out.empty() ? "" : "; ", fmt::join(names, ", "), what);
    }
    return out;
  }

 private:
  std::set<std::string>& operator[](std::string what) { return whats_[std::move(what)]; }
  std::map<std::string, std::set<std::string>> whats_;
};

bool knows(const std::vector<std::string>& keys, const std::vector<std::string>& others) {
  return others.empty() || std::ranges::find(keys, others.front()) != keys.end();
}

bool same_set(std::vector<std::string> a, std::vector<std::string> b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

void compare_keys(const NodeFacts& mine, const Neighbour& other, Named& failing, Named& differing) {
  const auto& its = *other.facts;
  const bool tokens = knows(mine.token_keys, its.token_keys) && knows(its.token_keys, mine.token_keys);
  const bool sessions = knows(mine.session_keys, its.session_keys) && knows(its.session_keys, mine.session_keys);
  if (!tokens) failing.add(other, "signs with a token key that this node does not know, or the other way round");
  if (!sessions) failing.add(other, "makes sessions with a key that this node does not know, or the other way round");
  if (!mine.history.empty() && !its.history.empty() && mine.history != its.history) {
    failing.add(other, "has another database, or one of another history");
  }
  if (tokens && sessions &&
      !(same_set(mine.token_keys, its.token_keys) && same_set(mine.session_keys, its.session_keys))) {
    differing.add(other, "has not the same list of keys");
  }
}

}  // namespace

std::string facts_json(const NodeFacts& facts) {
  JsonOut out;
  out.number("now", facts.now_ms).text("history", facts.history);
  out.raw("token_keys", list_json(facts.token_keys)).raw("session_keys", list_json(facts.session_keys));
  return out.done();
}

std::optional<NodeFacts> read_facts(std::string_view json) {
  const auto in = JsonIn::parse(json);
  if (!in) return {};
  const auto now = in->optional_integer("now");
  auto history = in->optional_text("history");
  auto tokens = in->texts("token_keys", kKeysMax);
  auto sessions = in->texts("session_keys", kKeysMax);
  if (!now || !now->has_value() || !history || history->size() > kTextMax || !tokens || !sessions) return {};
  return NodeFacts{**now, std::move(*history), std::move(*tokens), std::move(*sessions)};
}

NodeFacts facts_of(const Services& services, std::string history) {
  NodeFacts facts{.now_ms = unix_ms(services.clock.wall()), .history = std::move(history)};
  for (const auto& key : services.settings.get().ring.keys()) facts.token_keys.push_back(key.fingerprint());
  for (const auto& key : services.config.session.keys) facts.session_keys.push_back(key.fingerprint);
  return facts;
}

std::vector<Neighbour> neighbours_of(const broker::Nodes& nodes) {
  std::vector<Neighbour> others;
  const auto all = nodes.all();
  for (auto node = all.begin() + 1; node < all.end(); ++node) {
    others.push_back({node->name.empty() ? node->id : node->name, node->version, read_facts(node->facts),
                      std::chrono::floor<std::chrono::milliseconds>(node->heard).count()});
  }
  return others;
}

Checks check_nodes(const NodeFacts& mine, std::string_view version, const std::vector<Neighbour>& others) {
  Named failing, differing, versions, clocks;
  for (const auto& other : others) {
    if (other.version != version) versions.add(other, fmt::format("runs version {}", other.version));
    if (!other.facts) continue;
    compare_keys(mine, other, failing, differing);
    const auto apart = other.facts->now_ms + other.heard_ms - mine.now_ms;
    if (apart > kApartMax_ms || apart < -kApartMax_ms) {
      clocks.add(other, fmt::format("is {} s {}", std::abs(apart) / 1000, apart > 0 ? "ahead" : "behind"));
    }
  }
  const auto fine = fmt::format("as {} other node{}", others.size(), others.size() == 1 ? "" : "s");
  Checks out;
  if (!failing.empty()) {
    out.push_back(check_fail("nodes.keys", failing.text()));
  } else {
    out.push_back(differing.empty() ? check_ok("nodes.keys", fine) : check_warn("nodes.keys", differing.text()));
  }
  out.push_back(versions.empty() ? check_ok("nodes.versions", fine) : check_warn("nodes.versions", versions.text()));
  out.push_back(clocks.empty() ? check_ok("nodes.clock", fine) : check_warn("nodes.clock", clocks.text()));
  return out;
}

std::string node_name(const Config& config) {
  if (!config.node.name.empty()) return config.node.name;
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? std::string(host.data()) : std::string("gatecast");
}

}  // namespace gatecast::server
