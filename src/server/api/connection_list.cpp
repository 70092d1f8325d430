// Server API: the list of connections, live or recently closed.
#include <algorithm>
#include <map>

#include "core/time_text.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/nodes/node_calls.hpp"
#include "server/socket/connection.hpp"
#include "session/sessions.hpp"

namespace gatecast::server {
namespace {

constexpr std::int64_t kRowsMax = 1000;
constexpr std::int64_t kRowsUsual = 100;
constexpr std::size_t kChannelNames = 32;  // of each connection; the count tells of more

enum class Sort : std::uint8_t { age, queue, rtt, bytes_in, bytes_out, channels };
constexpr std::pair<std::string_view, Sort> kSorts[] = {
    {"age", Sort::age},           {"queue", Sort::queue},         {"rtt", Sort::rtt},
    {"bytes_in", Sort::bytes_in}, {"bytes_out", Sort::bytes_out}, {"channels", Sort::channels}};

struct Wish {
  std::string user, session, client, channel;
  Sort sort = Sort::age;
  bool ascending = false;
  std::size_t limit = 0;
  bool closed = false;
  bool with_session = false;
};

Result<void> take_filters(const JsonIn& params, Wish& wish) {
  const std::pair<const char*, std::string*> texts[] = {
      {"user", &wish.user}, {"session", &wish.session}, {"client", &wish.client}, {"channel", &wish.channel}};
  for (const auto& [name, into] : texts) {
    auto text = params.optional_text(name);
    if (!text) return text.error();
    *into = std::move(*text);
  }
  return {};
}

Result<void> take_order(const JsonIn& params, Wish& wish) {
  auto sort = params.optional_text("sort");
  auto order = params.optional_text("order");
  auto limit = params.optional_integer("limit");
  if (!sort) return sort.error();
  if (!order) return order.error();
  if (!limit) return limit.error();
  if (!sort->empty()) {
    const auto* known = std::ranges::find(kSorts, *sort, &std::pair<std::string_view, Sort>::first);
    if (known == std::end(kSorts)) {
      return fail(Errc::field_invalid, "sort: age, queue, rtt, bytes_in, bytes_out or channels");
    }
    wish.sort = known->second;
  }
  if (!order->empty() && *order != "asc" && *order != "desc") return fail(Errc::field_invalid, "order: asc or desc");
  wish.ascending = *order == "asc";
  const std::int64_t most = limit->value_or(kRowsUsual);
  if (most < 1 || most > kRowsMax) return fail(Errc::field_invalid, fmt::format("limit: 1 to {}", kRowsMax));
  wish.limit = static_cast<std::size_t>(most);
  // The closed are told in the order of their ends, and are on no channel any more.
  if (wish.closed && (!sort->empty() || !order->empty() || !wish.channel.empty())) {
    return fail(Errc::field_invalid, "sort, order and channel are for the live ones");
  }
  return {};
}

Result<Wish> wish_of(const JsonIn& params) {
  auto known = params.only(
      {"user", "session", "client", "channel", "sort", "order", "limit", "closed", "with_session", "idempotency_key"});
  if (!known) return known.error();
  Wish wish;
  auto closed = params.optional_bool("closed");
  auto with_session = params.optional_bool("with_session");
  if (!closed) return closed.error();
  if (!with_session) return with_session.error();
  wish.closed = closed->value_or(false);
  wish.with_session = with_session->value_or(false);
  if (auto taken = take_filters(params, wish); !taken) return taken.error();
  if (auto taken = take_order(params, wish); !taken) return taken.error();
  return wish;
}

/// One connection as it is told.
struct Row {
  std::uint64_t key = 0;  // what rows are in order of
  std::string session;
  std::string json;  // an object
};

/// The best rows of a shard, best first, and how many there are.
struct Rows {
  std::vector<Row> best;
  std::size_t total = 0;
};

std::int64_t age_of(Worker& worker, const Connection& connection) {
  return std::max<std::int64_t>(unix_seconds(worker.services().clock.wall()) - connection.opened_at(), 0);
}

std::uint64_t key_of(Worker& worker, const Connection& connection, Sort sort) {
  switch (sort) {
    case Sort::age: return static_cast<std::uint64_t>(age_of(worker, connection));
    case Sort::queue: return worker.hub().queued_bytes(connection);
    case Sort::rtt: return connection.round_trip_us();
    case Sort::bytes_in: return connection.bytes_in();
    case Sort::bytes_out: return connection.bytes_out();
    case Sort::channels: return connection.channels();
  }
  return 0;
}

std::string_view user_of(const Connection& connection) {
  return connection.user() == nullptr ? std::string_view{} : std::string_view(connection.user()->id);
}

JsonOut row_json(Worker& worker, const Connection& connection) {
  auto names = worker.hub().channels_of(connection);
  const std::size_t count = names.size();
  std::ranges::sort(names);
  if (names.size() > kChannelNames) names.resize(kChannelNames);
  std::string channels;
  for (const auto& name : names) {
    if (!channels.empty()) channels += ',';
    protocol::append_json_text(channels, name);
  }
  JsonOut out;
  if (worker.services().nodes != nullptr) out.text("node", worker.services().node_name);
  out.text("client", connection.client_id()).text("user", user_of(connection));
  out.text_if("session", connection.sid()).text("transport", "websocket").text("protocol", "json");
  out.text("ip", connection.ip()).boolean("compression", connection.compressed());
  out.raw("channels", "[" + channels + "]").number("num_channels", count);
  out.number("queued_bytes", worker.hub().queued_bytes(connection));
  if (connection.round_trip_us() != 0) out.number("rtt_ms", connection.round_trip_us() / 1000.0);
  out.number("bytes_in", connection.bytes_in()).number("bytes_out", connection.bytes_out());
  out.number("messages_in", connection.messages_in()).number("age_s", age_of(worker, connection));
  return out;
}

bool includes(Worker& worker, const Wish& wish, const Connection& connection) {
  return connection.connected() && (wish.session.empty() || connection.sid() == wish.session) &&
         (wish.client.empty() || connection.client_id() == wish.client) &&
         (wish.channel.empty() || worker.hub().subscribed(connection, wish.channel));
}

bool before(std::uint64_t a, std::uint64_t b, const Wish& wish) { return wish.ascending ? a < b : a > b; }

// Only what is among the shard's best becomes text.
Rows live_here(Worker& worker, const Wish& wish) {
  struct Found {
    std::uint64_t key;
    const Connection* connection;
  };
  std::vector<Found> found;
  const auto take = [&](Connection& connection) {
    if (includes(worker, wish, connection)) found.push_back({key_of(worker, connection, wish.sort), &connection});
  };
  if (wish.user.empty()) {
    worker.each_connection(take);
  } else if (const User* user = worker.users().find(wish.user)) {
    worker.each_of(*user, take);
  }
  const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(found.size(), wish.limit));
  std::ranges::partial_sort(found, end, [&wish](const Found& a, const Found& b) {
    return a.key != b.key ? before(a.key, b.key, wish) : a.connection->id() < b.connection->id();
  });
  Rows rows{.best = {}, .total = found.size()};
  for (auto at = found.begin(); at != end; ++at) {
    rows.best.push_back({at->key, std::string(at->connection->sid()), row_json(worker, *at->connection).done()});
  }
  return rows;
}

JsonOut row_json(const Services& services, const ClosedConnection& closed) {
  JsonOut out;
  if (services.nodes != nullptr) out.text("node", services.node_name);
  out.text("client", closed.client).text("user", closed.user).text_if("session", closed.session);
  out.text("ip", closed.ip).text("reason", info(closed.reason).name).number("code", closed.code);
  out.text("closed_at", format_rfc3339(closed.at)).number("age_s", closed.age_s);
  out.number("bytes_in", closed.bytes_in).number("bytes_out", closed.bytes_out);
  out.number("messages_in", closed.messages_in);
  return out;
}

Rows closed_here(Worker& worker, const Wish& wish) {
  Rows rows;
  worker.closed().each([&](const ClosedConnection& closed) {
    if (!wish.user.empty() && closed.user != wish.user) return true;
    if (!wish.session.empty() && closed.session != wish.session) return true;
    if (!wish.client.empty() && closed.client != wish.client) return true;
    ++rows.total;
    if (rows.best.size() < wish.limit) {
      rows.best.push_back(
          {static_cast<std::uint64_t>(unix_ms(closed.at)), closed.session, row_json(worker.services(), closed).done()});
    }
    return true;
  });
  return rows;
}

/// Takes in the best of one more shard. Both are in order already, and stay so where keys are the same.
void keep_best(std::vector<Row>& best, std::vector<Row> more, const Wish& wish) {
  std::vector<Row> merged;
  merged.reserve(wish.limit);
  auto a = best.begin(), b = more.begin();
  while (merged.size() < wish.limit && (a != best.end() || b != more.end())) {
    const bool second = a == best.end() || (b != more.end() && before(b->key, a->key, wish));
    merged.push_back(std::move(second ? *b++ : *a++));
  }
  best = std::move(merged);
}

/// `{how, created_at, last_seen_at}` of each row's session, where it is ours and stands.
Task<void> add_sessions(Services& services, std::vector<Row>& rows) {
  std::map<std::string, std::string> known;
  for (auto& row : rows) {
    if (row.session.empty()) continue;
    auto at = known.find(row.session);
    if (at == known.end()) {
      std::string json;
      if (auto view = co_await services.store.session(row.session)) {
        const auto& s = view->session;
        JsonOut out;
        out.text("how", s.how).text("created_at", format_rfc3339(s.created_at));
        json = out.text("last_seen_at", format_rfc3339(s.last_seen_at)).text("user_agent", s.user_agent).done();
      }
      at = known.emplace(row.session, std::move(json)).first;
    }
    if (at->second.empty()) continue;
    row.json.pop_back();
    row.json += fmt::format(",\"session_info\":{}}}", at->second);
  }
}

/// The best of this node.
Task<Rows> rows_here(Services& services, const Wish& wish) {
  Rows all;
  for (auto* worker : services.workers) {
    auto here = co_await ask<Rows>(worker->shard(), *worker, [&wish](Worker& w) {
      return wish.closed ? closed_here(w, wish) : live_here(w, wish);
    });
    all.total += here.total;
    keep_best(all.best, std::move(here.best), wish);
  }
  co_return all;
}

/// What another node says it has; its rows are in order, or none is taken.
Rows rows_of(const std::string& body, const Wish& wish) {
  Rows rows;
  const auto answer = JsonIn::parse(body);
  if (!answer) return rows;
  const auto total = answer->optional_integer("total");
  const auto items = answer->items("rows", wish.limit);
  if (!total || total->value_or(-1) < 0 || !items) return rows;
  for (const auto text : *items) {
    const auto item = JsonIn::parse(text);
    if (!item) return {};
    const auto key = item->optional_integer("key");
    const auto session = item->text("session");
    const std::string_view row = item->raw("row");
    if (!key || key->value_or(-1) < 0 || !session || !JsonIn::parse(row)) return {};
    rows.best.push_back({static_cast<std::uint64_t>(**key), *session, std::string(row)});
  }
  const auto out_of_order = [&wish](const Row& a, const Row& b) { return before(b.key, a.key, wish); };
  if (std::ranges::adjacent_find(rows.best, out_of_order) != rows.best.end()) return {};
  rows.total = static_cast<std::size_t>(**total);
  return rows;
}

}  // namespace

Task<Result<std::string>> connections_here(Services& services, const JsonIn& params) {
  auto wish = wish_of(params);
  if (!wish) co_return wish.error();
  const Rows rows = co_await rows_here(services, *wish);
  std::string list = "[";
  for (const auto& row : rows.best) {
    if (list.size() > 1) list += ',';
    list += JsonOut().number("key", row.key).text("session", row.session).raw("row", row.json).done();
  }
  co_return JsonOut().number("total", rows.total).raw("rows", list + ']').done();
}

Task<Answer> api_connections(ApiCall& call, const JsonIn& params) {
  auto wish = wish_of(params);
  if (!wish) co_return wish.error();
  Rows all = co_await rows_here(call.services(), *wish);
  const auto elsewhere = co_await ask_others(call.services(), "connections", params_text(params));
  for (const auto& body : elsewhere.answers) {
    auto rows = rows_of(body, *wish);
    all.total += rows.total;
    keep_best(all.best, std::move(rows.best), *wish);
  }
  if (wish->with_session) co_await add_sessions(call.services(), all.best);
  std::string list;
  for (const auto& row : all.best) {
    if (!list.empty()) list += ',';
    list += row.json;
  }
  JsonOut out;
  out.raw("connections", "[" + list + "]").number("total", all.total);
  if (!elsewhere.missing.empty()) out.raw("missing", missing_json(elsewhere));
  co_return out.done();
}

}  // namespace gatecast::server
