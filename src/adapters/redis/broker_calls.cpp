#include "adapters/redis/broker_calls.hpp"

#include <array>

#include "core/log.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

/// Passing states of a server or cluster, which the client's own part deals with.
constexpr std::array kPassing = {"LOADING",  "MASTERDOWN", "READONLY", "MOVED",   "ASK",       "CLUSTERDOWN",
                                 "TRYAGAIN", "NOREPLICAS", "BUSY",     "MISCONF", "UNKILLABLE"};

Error error_of(std::string_view name, const std::string& text) {
  const std::string_view word = std::string_view(text).substr(0, text.find(' '));
  if (word == "OOM") return fail(Errc::overloaded, "redis: " + text);
  for (const std::string_view passing : kPassing) {
    if (word == passing) return fail(Errc::temporarily_unavailable, "redis: " + text);
  }
  metrics::count<"broker_script_errors_total">();
  log::warn("broker_script", {{"script", name}, {"detail", text}});
  return fail(Errc::temporarily_unavailable, "redis: " + text);
}

}  // namespace

ReplyDone BrokerCalls::checked(std::string_view name, ReplyDone done) {
  return [name, done = std::move(done)](Result<Value> reply) mutable {
    if (reply && reply->is_error()) return done(error_of(name, reply->text));
    done(std::move(reply));
  };
}

void BrokerCalls::run(const BrokerScript& script, Texts keys, Texts args, ReplyDone done) {
  client_->run(script.script, keys, args, checked(script.name, std::move(done)));
}

void BrokerCalls::run_durable(const BrokerScript& script, Texts keys, Texts args, Duration wait, ReplyDone done) {
  client_->run_durable(script.script, keys, args, wait, checked(script.name, std::move(done)));
}

void BrokerCalls::command(std::string_view key, Texts args, ReplyDone done) {
  client_->command(key, args, checked("command", std::move(done)));
}

void BrokerCalls::later(Loop::Fn fn) {
  loop_.post([alive = std::weak_ptr<bool>(alive_), fn = std::move(fn)]() mutable {
    if (!alive.expired()) fn();
  });
}

std::string_view text_at(const Value& list, std::size_t index) {
  return index < list.items.size() ? std::string_view(list.items[index].text) : std::string_view{};
}

}  // namespace gatecast::redis
