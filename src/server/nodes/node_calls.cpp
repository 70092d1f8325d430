#include "server/nodes/node_calls.hpp"

#include <algorithm>
#include <map>

#include "broker/nodes.hpp"
#include "core/log.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::pair<std::string_view, NodeCall> kCalls[] = {
    {"disconnect", disconnect_here},   {"subscribe", subscribe_here},
    {"unsubscribe", unsubscribe_here}, {"refresh", refresh_here},
    {"connections", connections_here}, {"connected", connected_here},
    {"channels", channels_here},       {"info", info_here},
};

NodeCall call_of(std::string_view kind) {
  const auto* row = std::ranges::find(kCalls, kind, &std::pair<std::string_view, NodeCall>::first);
  if (row == std::end(kCalls)) std::abort();
  return row->second;
}

Task<Result<std::string>> answer(Services& services, NodeCall call, std::string body) {
  auto params = JsonIn::parse(body);
  if (!params) co_return params.error();
  co_return co_await call(services, *params);
}

/// What of an answer to a call with an effect counts.
std::size_t count_of(const std::string& body) {
  const auto in = JsonIn::parse(body);
  if (!in) return 0;
  const auto count = in->optional_integer("count");
  return count && count->value_or(0) > 0 ? static_cast<std::size_t>(**count) : 0;
}

}  // namespace

Task<Elsewhere> ask_others(Services& services, std::string kind, std::string params) {
  Elsewhere elsewhere;
  auto* nodes = services.nodes;
  if (nodes == nullptr) co_return elsewhere;
  std::map<std::string, std::string> names;
  for (auto& node : nodes->all()) names.emplace(std::move(node.id), std::move(node.name));
  auto answers = co_await nodes->ask(kind, std::move(params), kNodeCallTime);
  for (auto& one : answers) {
    if (one.body) {
      elsewhere.answers.push_back(std::move(*one.body));
      continue;
    }
    const auto name = names.find(one.node);
    log::warn("node_missing", {{"node", one.node}, {"kind", kind}, {"reason", info(one.body.error().code).name}});
    elsewhere.missing.push_back(name == names.end() || name->second.empty() ? one.node : name->second);
  }
  // Whom a node out of touch does not hear of it does not ask either.
  if (!nodes->in_touch()) elsewhere.missing.emplace_back("*");
  co_return elsewhere;
}

std::string missing_json(const Elsewhere& elsewhere) {
  std::string list = "[";
  for (const auto& name : elsewhere.missing) {
    if (list.size() > 1) list += ',';
    protocol::append_json_text(list, name);
  }
  return list + ']';
}

std::string params_text(const JsonIn& params) {
  JsonOut out;
  for (const auto& [name, value] : params.members()) {
    if (name != "idempotency_key") out.raw(name, value);
  }
  return out.done();
}

Task<Result<std::size_t>> everywhere(Services& services, std::string_view kind, const JsonIn& params) {
  auto here = co_await call_of(kind)(services, params);
  if (!here) co_return here.error();
  std::size_t count = count_of(*here);
  const auto elsewhere = co_await ask_others(services, std::string(kind), params_text(params));
  for (const auto& body : elsewhere.answers) count += count_of(body);
  if (!elsewhere.missing.empty()) {
    co_return fail(Errc::temporarily_unavailable, fmt::format("{}: not done by {}", kind, missing_json(elsewhere)));
  }
  co_return count;
}

Task<Result<std::size_t>> close_everywhere(Services& services, std::string_view user, Errc code) {
  const auto& its = info(code);
  const auto closing = JsonOut().number("code", its.close).text("reason", its.message);
  const std::string text = JsonOut().text("user", user).object("disconnect", closing).done();
  const auto params = JsonIn::parse(text);
  if (!params) co_return params.error();
  co_return co_await everywhere(services, "disconnect", *params);
}

void answer_others(Services& services) {
  if (services.nodes == nullptr) return;
  for (const auto& [kind, call] : kCalls) {
    services.nodes->on(std::string(kind), [&services, its = call](std::string, std::string body) {
      return answer(services, its, std::move(body));
    });
  }
}

}  // namespace gatecast::server
