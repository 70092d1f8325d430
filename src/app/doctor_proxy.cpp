// What stands between clients and the server at a URL, named by what does not arrive.
//
// The probes are told apart by their answers: a token that is none is refused otherwise than one that is missing, so no
// secret is needed to see that Authorization or the query was dropped. Whose address arrived only the server can say:
// it is asked over its control socket for the probe's name.
#include "app/doctor.hpp"
#include "app/live_session.hpp"
#include "crypto/random.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "server/sightings.hpp"

namespace gatecast::app {
namespace {

using namespace server;
using std::chrono::milliseconds;

constexpr milliseconds kTime{10'000};
/// Beyond the time of the next ping: what lies on the way may be slow.
constexpr milliseconds kPingSlack{5000};
/// A token that none can be, and that nobody may mind in a log.
constexpr std::string_view kNoToken = "gatecast-doctor";
constexpr unsigned kInvalidToken = 3500, kNoTokenCame = 3501;

struct Url {
  std::string scheme, host, port;
};
Url parts_of(std::string_view url) {
  Url out;
  const auto start = url.find("://");
  out.scheme = url.substr(0, start);
  auto rest = url.substr(start + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  const auto colon = rest.ends_with(']') ? std::string_view::npos : rest.rfind(':');
  out.host = rest.substr(0, colon);
  out.port =
      colon == std::string_view::npos ? (out.scheme == "https" ? "443" : "80") : std::string(rest.substr(colon + 1));
  return out;
}

std::string code_of(const HttpReply& reply) {
  const auto object = JsonIn::parse(reply.body);
  return object ? object->optional_text("code").value_or("") : "";
}
/// Every answer of ours has its id; a refusal has a code beside.
bool of_gatecast(const HttpReply& reply) { return !reply.header("x-request-id").empty() && !code_of(reply).empty(); }
bool gateway_error(unsigned status) { return status == 502 || status == 503 || status == 504; }

std::string told(const HttpReply& reply) {
  const auto server = reply.header("server");
  return fmt::format("answered {}{}", reply.status, server.empty() ? "" : fmt::format(" ({})", server));
}

class ProxyChecks {
 public:
  explicit ProxyChecks(const Doctor& doctor)
      : doctor_(doctor),
        place_{.url = doctor.arguments.url, .ca_file = doctor.config.outbound.ca_file},
        url_(parts_of(place_.url)) {}

  Checks run() {
    if (reach()) {
      domain();
      authorization();
      trusted();
      if (upgrade()) {
        query();
        idle();
      }
    }
    return std::move(checks_);
  }

 private:
  Fields agent() const { return {{"User-Agent", fmt::format("{}{}", kProbeAgent, name_)}}; }

  /// What the server says of the probe; nothing where it cannot be asked, or has seen none.
  std::optional<JsonIn> sighting() {
    if (!doctor_.control) return std::nullopt;
    auto answer = doctor_.control->call("checks", JsonOut().text("probe", name_).done());
    if (!answer) return std::nullopt;
    answer_ = *std::move(answer);
    const auto object = JsonIn::parse(answer_);
    if (!object || !object->has("sighting") || object->raw("sighting") == "null") return std::nullopt;
    auto seen = object->optional_object("sighting");
    return seen ? std::optional(*std::move(seen)) : std::nullopt;
  }

  void add(Check check) { checks_.push_back(std::move(check)); }

  /// Whether it is our server that answers; what hinders it is named.
  bool reach() {
    doctor_.progress(fmt::format("reaching {}", place_.url));
    const auto reply = http_call(place_, "/.well-known/jwks.json", agent(), "", kTime);
    if (!reply) {
      const bool tls = reply.error().code == Errc::tls_certificate;
      add(tls ? check_fail("proxy.tls", reply.error().detail) : check_fail("proxy.reach", reply.error().detail));
      return false;
    }
    const bool seen = sighting().has_value();
    if (gateway_error(reply->status) && !seen) {
      add(check_fail(
          "proxy.reach", fmt::format("{}: it does not reach the server behind it", told(*reply)),
          fmt::format("Let it send to http.address, {}, and see that the server runs.", doctor_.config.http.address)));
      return false;
    }
    const auto keys = JsonIn::parse(reply->body);
    const bool good = reply->status == 200 && keys && keys->has("keys") && !reply->header("x-request-id").empty();
    if (!good && (seen || of_gatecast(*reply))) {
      const auto code = code_of(*reply);
      add(check_fail("proxy.path",
                     fmt::format("/.well-known/jwks.json {}{}{}", told(*reply), code.empty() ? "" : ", ", code),
                     fmt::format("Let the path pass as it is (nginx: proxy_pass without a path after the port); "
                                 "http.base_path is \"{}\".",
                                 doctor_.config.http.base_path)));
      return false;
    }
    if (!good || (doctor_.control && !seen)) {
      add(check_fail("proxy.other", good ? "another gatecast than the one on this data folder answers" : told(*reply),
                     good ? "Let it send to this server's http.address, or give the other's --config." : ""));
      return false;
    }
    add(check_ok("proxy.reach", told(*reply)));
    const bool local = url_.host == "localhost" || url_.host.starts_with("127.") || url_.host == "[::1]";
    if (url_.scheme == "https") {
      add(check_ok("proxy.tls", "the certificate is good"));
    } else {
      add(local ? check_ok("proxy.tls", "plain, on this machine")
                : check_warn("proxy.tls", "no TLS: who is on the way reads every token", "Serve it by https."));
    }
    add(check_ok("proxy.path", "arrives as it is"));
    if (auto skew = check_skew(url_.host, *reply)) add(*std::move(skew));
    return true;
  }

  void domain() {
    const auto& signin = doctor_.config.signin;
    const auto port = url_.port == (url_.scheme == "https" ? "443" : "80") ? "" : ":" + url_.port;
    const auto host = url_.host + port;
    for (const auto& [enabled, domains, chain] :
         {std::tuple{signin.solana.enabled, &signin.solana.domain, "solana"},
          std::tuple{signin.ethereum.enabled, &signin.ethereum.domain, "ethereum"}}) {
      if (!enabled) continue;
      const bool known = std::ranges::find(*domains, host) != domains->end();
      const auto seen = fmt::format("{} of signin.{}.domain", host, chain);
      add(known ? check_ok("proxy.domain", seen)
                : check_warn(
                      "proxy.domain",
                      fmt::format("{} is not in signin.{}.domain: {}", host, chain, fmt::join(*domains, ", ")),
                      fmt::format("Where pages are served from it, add \"{}\" to signin.{}.domain.", host, chain)));
    }
  }

  void authorization() {
    auto fields = agent();
    fields.emplace_back("Authorization", fmt::format("Bearer {}", kNoToken));
    const auto reply = http_call(place_, "/api/v2/auth/check", fields, "", kTime);
    if (!reply) return add(check_fail("proxy.authorization", reply.error().detail));
    const auto code = code_of(*reply);
    if (code == "token_malformed") return add(check_ok("proxy.authorization", "arrives"));
    if (code == "token_missing") return add(check_fail("proxy.authorization", "the header does not arrive"));
    add(code == "rate_limited" ? check_skip("proxy.authorization", "rate_limited: try again in a minute")
                               : check_fail("proxy.authorization", fmt::format("{} {}", told(*reply), code)));
  }

  bool direct() const {
    std::string host;
    std::uint16_t port = 0;
    split_address(doctor_.config.http.address, host, port);
    return url_.port == std::to_string(port) && (url_.host == host || url_.host == "localhost" || host == "0.0.0.0");
  }

  void trusted() {
    const auto seen = sighting();
    if (!seen) {
      return add(
          check_skip("proxy.trusted", "only the server can say: run the doctor on its machine, with its --config"));
    }
    const auto flag = [&seen](std::string_view name) {
      return seen->optional_bool(name).value_or(std::nullopt).value_or(false);
    };
    const auto peer = seen->optional_text("peer").value_or("");
    const auto ip = seen->optional_text("ip").value_or("");
    const auto scheme = seen->optional_text("scheme").value_or("");
    if (direct() && !flag("forwarded")) {
      return add(check_ok("proxy.trusted", "nothing stands between: the URL is the server's own port"));
    }
    if (!flag("forwarded")) {
      return add(check_warn("proxy.trusted",
                            fmt::format("{} sends no X-Forwarded-For: every client has its address", peer),
                            "nginx: proxy_set_header X-Forwarded-For $remote_addr;"));
    }
    if (!flag("trusted")) {
      return add(check_fail("proxy.trusted", fmt::format("the server takes {} for the client", ip),
                            fmt::format("http.trusted_proxies = [\"{}\"]", peer)));
    }
    if (scheme != url_.scheme) {
      return add(check_warn("proxy.trusted", fmt::format("the server takes {} for {}", url_.scheme, scheme),
                            "nginx: proxy_set_header X-Forwarded-Proto $scheme;"));
    }
    add(check_ok("proxy.trusted", fmt::format("through {} the server sees {}", peer, ip)));
  }

  bool upgrade() {
    HttpReply answer;
    auto socket = LiveSocket::open(place_, "/connection/websocket", agent(), kTime, answer);
    if (socket) {
      add(check_ok("proxy.upgrade", "101"));
      return true;
    }
    const auto code = code_of(answer);
    if (code == "connections_full" || code == "rate_limited" || code == "temporarily_unavailable") {
      add(check_skip("proxy.upgrade", code));
    } else if (answer.status == 0 || answer.status == 101) {
      add(check_fail("proxy.upgrade", socket.error().detail));
    } else {
      add(check_fail("proxy.upgrade", code == "upgrade_required" ? "Upgrade and Connection do not arrive"
                                                                 : fmt::format("{} {}", told(answer), code)));
    }
    return false;
  }

  /// A socket whose query has a token that is none: refused as such where it arrives, and as missing where it does not.
  void query() {
    if (doctor_.config.http.query_token == "off") {
      return add(check_skip("proxy.query", "http.query_token is off: the server looks at none"));
    }
    HttpReply answer;
    auto socket =
        LiveSocket::open(place_, fmt::format("/connection/websocket?token={}", kNoToken), agent(), kTime, answer);
    if (!socket) return add(check_fail("proxy.query", socket.error().detail));
    LiveSession session(*std::move(socket));
    const auto reply = session.ask("connect", "{}", kTime);
    if (session.ended_with() == kInvalidToken) return add(check_ok("proxy.query", "arrives"));
    if (session.ended_with() == kNoTokenCame || reply) return add(check_fail("proxy.query", "?token= does not arrive"));
    add(check_fail("proxy.query", reply.error().detail));
  }

  /// One ping of the server must come through an otherwise silent socket.
  void idle() {
    std::optional<ThrowAway> somebody;
    if (!doctor_.config.realtime.insecure) {
      auto made = make_throw_away(doctor_, place_);
      if (!made) return add(check_skip("proxy.idle", fmt::format("no session to wait with: {}", made.error().detail)));
      somebody = *std::move(made);
    }
    wait_for_ping(somebody ? somebody->token : "");
    if (!somebody) return;
    if (auto gone = remove(doctor_, place_, *somebody); !gone) {
      add(check_warn("live.cleanup", fmt::format("user {} remains: {}", somebody->user, gone.error().detail),
                     fmt::format("On the server's machine: gatecast user delete {}", somebody->user)));
    }
  }

  void wait_for_ping(const std::string& token) {
    HttpReply answer;
    auto socket = LiveSocket::open(place_, "/connection/websocket", agent(), kTime, answer);
    if (!socket) return add(check_fail("proxy.idle", socket.error().detail));
    LiveSession session(*std::move(socket));
    const auto reply = session.ask("connect", JsonOut().text_if("token", token).done(), kTime);
    if (!reply) return add(check_fail("proxy.idle", fmt::format("the connect reply: {}", reply.error().detail)));
    const auto object = JsonIn::parse(*reply);
    const auto ping = object ? object->optional_integer("ping").value_or(std::nullopt).value_or(25) : 25;
    doctor_.progress(fmt::format("waiting for a ping of the server, {} s apart", ping));
    // The first may come early: the silence that counts is a whole interval.
    for (int tries = 0;; ++tries) {
      const auto began = SystemClock{}.steady();
      const auto came = session.ping(std::chrono::seconds(ping) + kPingSlack);
      const auto silence = std::chrono::duration<double>(SystemClock{}.steady() - began).count();
      if (!came) {
        return add(check_fail("proxy.idle", fmt::format("{} after {:.1f} s of silence, pings come each {} s",
                                                        came.error().detail, silence, ping)));
      }
      if (silence < 0.9 * static_cast<double>(ping) && tries == 0) continue;
      return add(check_ok("proxy.idle", fmt::format("a ping came after {:.1f} s of silence", silence)));
    }
  }

  const Doctor& doctor_;
  const Place place_;
  const Url url_;
  const std::string name_ = crypto::random_id(16);
  std::string answer_{};
  Checks checks_{};
};

}  // namespace

Checks check_proxy(const Doctor& doctor) {
  const auto& url = doctor.arguments.url;
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    return {check_fail("proxy.reach", fmt::format("{} is not a URL", url),
                       "Write https://app.example, with http.base_path at its end.")};
  }
  return ProxyChecks(doctor).run();
}

}  // namespace gatecast::app
