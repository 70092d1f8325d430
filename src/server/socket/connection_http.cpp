// A connection as an HTTP peer: one request at a time, answered by its route, or upgraded to a WebSocket.
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "server/operators.hpp"
#include "server/routes/exchange.hpp"
#include "server/routes/notification_caller.hpp"
#include "server/routes/token_source.hpp"
#include "server/socket/connection.hpp"
#include "session/bell.hpp"
#include "ws/deflate.hpp"
#include "ws/handshake.hpp"

namespace gatecast::server {
namespace {

// Seconds until a place may have become free.
constexpr std::string_view kRetryAfter = "5";
constexpr std::array<std::string_view, 1> kSubprotocols{"centrifuge-json"};

bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// A proxy's id goes on, so that one id runs from its log to our error body; anyone else gets one of ours.
std::string request_id(const Services& services, const http::Request& request, std::string_view peer) {
  auto given = request.header("X-Request-Id");
  auto address = http::parse_address(peer);
  if (address && services.proxies.contains(*address) && is_request_id(given)) return std::string(given);
  return crypto::random_id(16);
}

void add_cors(http::Response& response, const http::Request& request) {
  response.set("Access-Control-Allow-Origin", request.header("Origin"));
  response.set("Access-Control-Expose-Headers", "retry-after, x-request-id");
}

http::Response preflight(const Services& services, const http::Request& request, const http::Router& router,
                         const http::RouteMatch& match) {
  http::Response response{.status = 204};
  response.set("Allow", match.allow);
  response.set("Vary", "Origin, Access-Control-Request-Method");
  const auto route = router.route_of(request.header("Access-Control-Request-Method"), request.path);
  const auto origin = request.header("Origin");
  if (route && kRoutes[*route].cors && services.origins.allows(origin, request.header("Host"))) {
    add_cors(response, request);
    response.set("Access-Control-Allow-Methods", match.allow);
    const bool wallet = takes_wallet_header(services, kRoutes[*route].name);
    response.set("Access-Control-Allow-Headers",
                 fmt::format("authorization, content-type{}{}", wallet ? ", " : "", wallet ? kWalletHeader : ""));
    response.set("Access-Control-Max-Age", "300");
  }
  return response;
}

// What stands between a request and its handler: rate, origin, API key.
Task<Result<void>> admit(Exchange& exchange, std::chrono::seconds& retry_after) {
  auto& services = exchange.services();
  const auto& request = exchange.request;
  // A strict route takes the calls of honest clients back; the liberal figure bounds those too.
  const bool strict = exchange.route.rate == RateClass::strict;
  const RateClass classes[] = {strict ? RateClass::liberal : RateClass::none, exchange.route.rate};
  for (const RateClass rate : classes) {
    if (rate == RateClass::none) continue;
    const auto verdict = co_await services.limiter.check(rate, exchange.ip);
    if (!verdict.allowed) {
      metrics::count<"rate_limited_total">(rate);
      retry_after = verdict.retry_after;
      co_return Errc::rate_limited;
    }
  }
  if (exchange.route.port == Port::public_ && request.method == "POST" &&
      !services.origins.allows(request.header("Origin"), request.header("Host"))) {
    co_return fail(Errc::origin_denied, std::string(request.header("Origin").substr(0, 256)));
  }
  const bool open_to_operators = exchange.route.caller == Caller::api_key_or_operator;
  if (open_to_operators && brings_operator(request)) {
    auto person = co_await admit_operator(exchange, retry_after);
    if (!person) co_return person.error();
    exchange.person = *person;
  } else if (open_to_operators || exchange.route.caller == Caller::api_key) {
    auto key = find_api_key(services, request.header("X-API-Key"));
    if (!key) co_return key.error();
    exchange.api_key = *key;
  }
  co_return Result<void>{};
}

/// Whether the application may now hear of something. Renewals and checks are left out, being most of the traffic;
/// an ending rings by itself.
bool may_make_event(const RouteSpec& route, const http::Response& response) {
  const bool changed = route.port == Port::public_ && route.method != "GET" && response.status < 300;
  return changed && route.name != "auth_refresh" && route.name != "auth_validate" && route.name != "wallet_challenge";
}

Task<http::Response> route_request(Exchange& exchange) {
  std::chrono::seconds retry_after{0};
  const auto admitted = co_await admit(exchange, retry_after);
  http::Response response;
  if (!admitted) {
    response = failure(exchange, admitted.error());
    if (retry_after.count() > 0) response.set("Retry-After", fmt::format("{}", retry_after.count()));
  } else {
    response = co_await handler_of(exchange.route.name)(exchange);
    if (exchange.honest) co_await exchange.services().limiter.give_back(exchange.route.rate, exchange.ip);
    if (may_make_event(exchange.route, response)) exchange.services().events.ring();
  }
  const auto& request = exchange.request;
  // Also where no page asks: a cache must not give that answer to one.
  if (exchange.route.cors) response.set("Vary", "Origin");
  if (exchange.route.cors && !request.header("Origin").empty() &&
      exchange.services().origins.allows(request.header("Origin"), request.header("Host"))) {
    add_cors(response, request);
  }
  co_return response;
}

http::Response refuse_unrouted(Errc code, const std::string& ip, const std::string& request) {
  log::info("refusal", {{"code", info(code).name}, {"ip", ip}, {"request", request}});
  return failure(fail(code), request);
}

}  // namespace

void Connection::take_http(std::string_view bytes) {
  auto& http = *http_;
  if (http.answering || !http.ahead.empty()) {
    // Pipelined: kept until the answer is out; reading pauses, so this is at most one buffer.
    http.ahead += bytes;
    return set_reading(false);
  }
  if (!http.parser.started()) {
    http.began = worker_.shard().loop().now();
    deadline_in(limits().header_time);
  }
  auto taken = http.parser.feed(bytes);
  if (!taken) {
    const auto request = id_so_far();
    log::info(
        "refusal",
        {{"code", info(taken.error().code).name}, {"detail", taken.error().detail}, {"ip", ip_}, {"request", request}});
    return refuse_http(taken.error().code, request);
  }
  if (!http.parser.done()) {
    if (http.parser.expects_continue() && !std::exchange(http.continued, true)) {
      worker_.hub().send(*this, http::kContinue);
    }
    return;
  }
  http.ahead.assign(bytes.substr(*taken));
  take_request();
}

void Connection::take_request() {
  if (too_many_requests()) {
    const auto request = id_so_far();
    log::info("refusal", {{"code", info(Errc::rate_limited).name}, {"ip", ip_}, {"request", request}});
    return refuse_http(Errc::rate_limited, request);
  }
  auto& http = *http_;
  http.answering = http.asked = true;
  http.continued = false;
  forget();
  spawn(serve(worker_, id_, http.parser.take()));
}

/// The id of a request that is not whole: its own where a proxy gave it one and the head could be read.
std::string Connection::id_so_far() const { return request_id(worker_.services(), http_->parser.so_far(), ip_.text()); }

void Connection::refuse_http(Errc code, const std::string& request) {
  auto response = failure(fail(code), request);
  response.close = true;
  response.set("X-Request-Id", request);
  if (code == Errc::rate_limited) response.set("Retry-After", kRetryAfter);
  metrics::count<"http_requests_total">(metrics::kUnknownRoute, metrics::Status{response.status});
  finish_request(false, std::move(response));
}

Task<void> Connection::serve(Worker& worker, std::uint64_t id, http::Request request) {
  auto& services = worker.services();
  auto* connection = worker.find(id);
  const Port port = connection->port();
  const auto& router = port == Port::public_ ? services.public_routes : services.ops_routes;
  const auto match = router.match(request.method, request.path);
  const std::string peer = connection->ip_.text();
  const std::string ip = http::client_ip(peer, request.headers, services.proxies);
  if (port == Port::public_) {
    services.sightings.look(request, peer, ip, services.proxies, services.config.http.tls.on());
  }
  const std::string rid = request_id(services, request, peer);
  const bool head = request.method == "HEAD";

  http::Response response;
  metrics::Route route = metrics::kUnknownRoute;
  if (match.kind == http::RouteMatch::Kind::found) {
    route = metrics::Route{match.index};
    const auto& spec = kRoutes[match.index];
    Exchange exchange{worker, request, match, spec, ip, rid};
    if (spec.name == "websocket") {
      std::chrono::seconds retry_after{0};
      const auto admitted = co_await admit(exchange, retry_after);
      connection = worker.find(id);
      if (connection == nullptr) co_return;
      if (admitted && services.draining.load()) {
        response = failure(exchange, fail(Errc::temporarily_unavailable, "draining"));
        response.set("Retry-After", "1");
      } else if (admitted) {
        auto refused = connection->upgrade(request, ip, rid);
        if (refused) co_return metrics::count<"http_requests_total">(route, metrics::Status{101});
        response = failure(exchange, refused.error());
        if (refused.error().code == Errc::websocket_version) response.set("Sec-WebSocket-Version", "13");
        if (refused.error().code == Errc::upgrade_required) response.set("Upgrade", "websocket");
        if (info(refused.error().code).temporary) {
          metrics::count<"connections_refused_total">(refused.error().code);
          response.set("Retry-After", kRetryAfter);
          response.close = true;
        }
      } else {
        response = failure(exchange, admitted.error());
        if (retry_after.count() > 0) response.set("Retry-After", fmt::format("{}", retry_after.count()));
      }
    } else {
      response = co_await route_request(exchange);
    }
  } else if (match.kind == http::RouteMatch::Kind::options) {
    response = preflight(services, request, router, match);
  } else if (match.kind == http::RouteMatch::Kind::method_not_allowed) {
    response = refuse_unrouted(Errc::method_not_allowed, ip, rid);
    response.set("Allow", match.allow);
  } else {
    response = refuse_unrouted(Errc::not_found, ip, rid);
  }
  response.set("X-Request-Id", rid);
  if (!request.keep_alive || services.draining.load()) response.close = true;
  metrics::count<"http_requests_total">(route, metrics::Status{response.status});
  if (connection = worker.find(id); connection != nullptr) connection->finish_request(head, std::move(response));
}

void Connection::finish_request(bool head, http::Response response) {
  if (phase_ != Phase::http) return;
  const auto now = worker_.services().clock.wall();
  const bool last = response.close;
  worker_.hub().send_answer(*this, http::serialize(response, head, http::http_date(now)));
  metrics::observe<"http_seconds">(std::chrono::duration<double>(worker_.shard().loop().now() - http_->began).count());
  if (last || (http_->ended && http_->ahead.empty())) return end_http();
  http_->answering = false;
  deadline_in(limits().idle_time);
  if (http_->ahead.empty()) return set_reading(true);
  // What was pipelined goes on in a turn of its own: a peer that sends without end must not keep the others waiting.
  // Nothing is read until then, or later bytes would overtake it.
  set_reading(false);
  worker_.shard().loop().post([&worker = worker_, id = id_] {
    if (auto* connection = worker.find(id)) connection->take_ahead();
  });
}

// What is queued is the last this peer gets.
void Connection::end_http() {
  http_->answering = http_->last = true;
  http_->ahead.clear();
  set_reading(!http_->ended);
  worker_.hub().mute(*this, true);
  deadline_in(kCloseWait);
}

void Connection::take_ahead() {
  if (phase_ != Phase::http || http_->answering) return;
  const std::string ahead = std::exchange(http_->ahead, {});
  take_http(ahead);
  // Where there is still more, it has a turn of its own again.
  if (phase_ != Phase::http || http_->answering || !http_->ahead.empty()) return;
  // A request that was begun and will not be finished.
  if (http_->ended) return end_http();
  set_reading(true);
}

Result<void> Connection::upgrade(const http::Request& request, const std::string& ip, const std::string& request_id) {
  auto& services = worker_.services();
  const auto join = [&request](std::string_view name) { return http::join_header(request.headers, name); };
  const auto upgrade_field = join("Upgrade");
  const auto connection_field = join("Connection");
  const auto protocols = join("Sec-WebSocket-Protocol");
  const auto accepted = ws::accept_upgrade({.method = request.method,
                                            .http_1_1 = request.http_1_1,
                                            .has_body = !request.body.empty(),
                                            .upgrade = upgrade_field,
                                            .connection = connection_field,
                                            .version = request.header("Sec-WebSocket-Version"),
                                            .key = request.header("Sec-WebSocket-Key"),
                                            .protocols = protocols},
                                           kSubprotocols);
  if (!accepted) return accepted.error();
  if (!services.origins.allows(request.header("Origin"), request.header("Host"))) {
    return fail(Errc::origin_denied, std::string(request.header("Origin").substr(0, 256)));
  }
  if (worker_.full()) return fail(Errc::connections_full);
  if (auto joined = join_crowd(ip); !joined) return joined;
  pending_ = std::make_unique<Pending>();
  auto brought = brought_token(request, services.config.http);
  pending_->token = std::move(brought.token);
  pending_->token_in_query = brought.in_query;
  pending_->request = request_id;
  ip_ = CompactText(ip);
  std::optional<std::string> extension;
  if (services.config.realtime.compression) extension = ws::choose_deflate(join("Sec-WebSocket-Extensions"));
  deflates_ = extension.has_value();
  decoder_ = ws::Decoder(worker_.ws_limits(deflates_));
  worker_.hub().send(*this, ws::switching_protocols(*accepted, extension.value_or("")));
  phase_ = Phase::unconnected;
  deadline_in(limits().stale_time);
  set_reading(true);
  std::string ahead = std::move(http_->ahead);
  http_.reset();
  if (!ahead.empty()) take_ws(ahead);
  return {};
}

}  // namespace gatecast::server
