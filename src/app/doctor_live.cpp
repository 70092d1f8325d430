// A session from end to end: a throw-away user signs in, connects, publishes, receives, ends, and sees the close.
#include "app/doctor.hpp"
#include "app/live_session.hpp"
#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/random.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using namespace server;
using std::chrono::milliseconds;

constexpr milliseconds kTime{10'000};
constexpr unsigned kSignedOut = 4501;

std::string text_of(const Result<JsonIn>& in, std::string_view name) {
  return in ? in->optional_text(name).value_or("") : std::string();
}

/// What an answer of the server that is no success says.
Error refusal(const HttpReply& reply) {
  const auto object = JsonIn::parse(reply.body);
  const auto code = text_of(object, "code");
  return fail(Errc::bad_request, code.empty() ? fmt::format("answered {}", reply.status)
                                              : fmt::format("{} {}: {}", reply.status, code, text_of(object, "error")));
}

Result<JsonIn> parsed(const HttpReply& reply) {
  if (reply.status != 200) return refusal(reply);
  return JsonIn::parse(reply.body);
}

bool solana_is_open(const Config& config) {
  return config.signin.solana.enabled && config.signin.registration == "open";
}

Result<ThrowAway> sign_in(const Place& place) {
  const auto key = crypto::Ed25519Key::generate();
  const auto address = base58_encode(key.public_key());
  const auto challenge = http_call(place, "/api/v2/auth/wallet/challenge", {},
                                   JsonOut().text("chain", "solana").text("address", address).done(), kTime);
  if (!challenge) return challenge.error();
  const auto asked = parsed(*challenge);
  if (!asked) return asked.error();
  const auto message = asked->optional_text("message").value_or("");
  const auto proof = JsonOut()
                         .text("chain", "solana")
                         .text("address", address)
                         .text("message", message)
                         .text("signature", base58_encode(key.sign(message)))
                         .done();
  const auto reply = http_call(place, "/api/v2/auth/wallet", {}, proof, kTime);
  if (!reply) return reply.error();
  const auto tokens = parsed(*reply);
  if (!tokens) return tokens.error();
  const auto user = tokens->optional_object("user");
  return ThrowAway{
      .user = text_of(user, "id"), .token = tokens->optional_text("token").value_or(""), .how = "a fresh Solana key"};
}

Result<void> sign_out(const Place& place, const ThrowAway& somebody) {
  const auto reply =
      http_call(place, "/api/v2/auth/logout", {{"Authorization", "Bearer " + somebody.token}}, "{}", kTime);
  if (!reply) return reply.error();
  if (reply->status != 200) return refusal(*reply);
  return {};
}

Result<ThrowAway> mint(ControlClient& control) {
  const auto user = "gatecast-doctor-" + crypto::random_id(12);
  const auto answer = control.call("token_mint", JsonOut().text("user", user).boolean("create", true).done());
  if (!answer) return answer.error();
  const auto tokens = JsonIn::parse(*answer);
  if (!tokens) return tokens.error();
  return ThrowAway{.user = user, .token = tokens->optional_text("token").value_or(""), .how = "the control socket"};
}

/// A channel that a client may subscribe to and publish into; empty: there is none.
std::string open_channel(const Config& config) {
  for (const auto& space : config.namespaces) {
    if (!space.allow_subscribe_for_client || !space.grant.empty()) continue;
    if (!space.allow_publish_for_client && !space.allow_publish_for_subscriber) continue;
    return fmt::format("{}{}gatecast-doctor-{}", space.name, space.name.empty() ? "" : ":", crypto::random_id(8));
  }
  return {};
}

/// The steps one after the other, each with its time; after one that fails the others are not tried.
class Walk {
 public:
  explicit Walk(const Doctor& doctor) : doctor_(doctor) {}

  template <class Step>
  void step(CheckId id, std::string_view doing, Step run) {
    if (broken_) {
      checks_.push_back(check_skip(id, "not reached"));
      return;
    }
    doctor_.progress(doing);
    const auto began = SystemClock{}.steady();
    Result<std::string> seen = run();
    const auto took = std::chrono::duration<double, std::milli>(SystemClock{}.steady() - began).count();
    checks_.push_back(seen ? check_ok(id, *std::move(seen)) : check_fail(id, seen.error().detail));
    checks_.back().ms = took;
    broken_ = !seen;
  }
  void skip(CheckId id, std::string why) { checks_.push_back(check_skip(id, std::move(why))); }
  void add(Check check) { checks_.push_back(std::move(check)); }
  Checks done() { return std::move(checks_); }

 private:
  const Doctor& doctor_;
  Checks checks_{};
  bool broken_ = false;
};

Result<LiveSession> connect(const Place& place, const std::string& token) {
  HttpReply answer;
  auto socket = LiveSocket::open(place, "/connection/websocket", {}, kTime, answer);
  if (!socket) {
    const bool refused = answer.status != 0 && answer.status != 101;
    return refused ? refusal(answer) : socket.error();
  }
  LiveSession session(*std::move(socket));
  if (auto reply = session.ask("connect", JsonOut().text("token", token).done(), kTime); !reply) return reply.error();
  return session;
}

/// Publishing and receiving in a channel of the client's own, or by the server in the personal one.
void exchange(const Doctor& doctor, LiveSession& session, const ThrowAway& somebody, Walk& walk) {
  const auto data = JsonOut().text("doctor", crypto::random_id(12)).done();
  auto channel = open_channel(doctor.config);
  if (!channel.empty()) {
    walk.step("live.subscribe", "subscribing", [&]() -> Result<std::string> {
      auto done = session.ask("subscribe", JsonOut().text("channel", channel).done(), kTime);
      return done ? Result<std::string>(channel) : done;
    });
    walk.step("live.publish", "publishing", [&]() -> Result<std::string> {
      auto done = session.ask("publish", JsonOut().text("channel", channel).raw("data", data).done(), kTime);
      return done ? Result<std::string>("by the client") : done;
    });
  } else {
    walk.skip("live.subscribe", "no [[namespace]] lets clients subscribe and publish: the personal channel instead");
    if (!doctor.control) {
      walk.skip("live.publish", "no [[namespace]] lets clients publish, and there is no control socket here");
      return walk.skip("live.receive", "nothing was published");
    }
    channel = "#" + somebody.user;
    walk.step("live.publish", "publishing", [&]() -> Result<std::string> {
      auto done = doctor.control->call("publish", JsonOut().text("channel", channel).raw("data", data).done());
      if (!done)
        return fail(done.error().code, fmt::format("{} {}", info(done.error().code).name, done.error().detail));
      return std::string("over the control socket, into the personal channel");
    });
  }
  walk.step("live.receive", "receiving", [&]() -> Result<std::string> {
    auto got = session.publication(channel, kTime);
    if (!got) return got;
    return *got == data ? Result<std::string>("the same bytes") : fail(Errc::internal, "other bytes came back");
  });
}

}  // namespace

Place local_place(const Config& config) {
  std::string host;
  std::uint16_t port = 0;
  split_address(config.http.address, host, port);
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const bool v6 = host.find(':') != std::string::npos;
  // The certificate is for the name that clients use, and these bytes do not leave the machine.
  return {.url = fmt::format("http{}://{}{}{}:{}{}", config.http.tls.on() ? "s" : "", v6 ? "[" : "", host,
                             v6 ? "]" : "", port, config.http.base_path),
          .any_certificate = true};
}

Result<ThrowAway> make_throw_away(const Doctor& doctor, const Place& place) {
  if (solana_is_open(doctor.config)) return sign_in(place);
  if (doctor.control) return mint(*doctor.control);
  return fail(Errc::not_found,
              "signin.solana is off or registration is not open, and no server runs on this data folder");
}

Result<void> remove(const Doctor& doctor, const Place& place, const ThrowAway& somebody) {
  if (!doctor.control) {
    // At least nothing can be done as this user any more; a session that has ended already is as good.
    static_cast<void>(sign_out(place, somebody).has_value());
    return fail(Errc::not_found, "no control socket here");
  }
  auto gone = doctor.control->call("user_delete", JsonOut().text("user", somebody.user).done());
  if (!gone) return gone.error();
  return {};
}

Checks check_live(const Doctor& doctor) {
  const auto& url = doctor.arguments.url;
  const Place place =
      url.empty() ? local_place(doctor.config) : Place{.url = url, .ca_file = doctor.config.outbound.ca_file};
  Walk walk(doctor);
  std::optional<ThrowAway> somebody;
  std::optional<LiveSession> session;
  walk.step("live.sign_in", "signing in", [&]() -> Result<std::string> {
    auto made = make_throw_away(doctor, place);
    if (!made) return made.error();
    somebody = *std::move(made);
    return fmt::format("user {}, by {}", somebody->user, somebody->how);
  });
  walk.step("live.connect", "connecting", [&]() -> Result<std::string> {
    auto made = connect(place, somebody->token);
    if (!made) return made.error();
    session.emplace(*std::move(made));
    return place.url + "/connection/websocket";
  });
  if (session) exchange(doctor, *session, *somebody, walk);
  walk.step("live.end", "ending the session", [&]() -> Result<std::string> {
    auto done = sign_out(place, *somebody);
    if (!done) return done.error();
    return std::string("signed out");
  });
  walk.step("live.close", "waiting for the close", [&]() -> Result<std::string> {
    const auto code = session->end(kTime);
    if (!code) return code.error();
    if (*code != kSignedOut) return fail(Errc::internal, fmt::format("closed with {}", *code));
    return std::string("closed with 4501");
  });
  if (somebody) {
    const auto gone = remove(doctor, place, *somebody);
    walk.add(gone ? check_ok("live.cleanup", fmt::format("user {} is deleted", somebody->user))
                  : check_warn("live.cleanup", fmt::format("user {} remains: {}", somebody->user, gone.error().detail),
                               fmt::format("On the server's machine: gatecast user delete {}", somebody->user)));
  }
  return walk.done();
}

}  // namespace gatecast::app
