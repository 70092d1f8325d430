// What grants mean to a connection: channels that one opens, the list at connect, the RPC that asks for it.
//
// A subscription is judged before it is made and once more in the turn of its reply, when it is filed: a grant that
// goes before that turn is seen there, one that goes after it finds the subscription.
#include "access/grants.hpp"
#include "protocol/json_writer.hpp"
#include "server/grant_pattern.hpp"
#include "server/json/grant_json.hpp"
#include "server/json/json_in.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

// Of what a command waits for: more often a user's grants are not to be had.
constexpr std::uint8_t kReadings = 3;

/// The version a client says it knows in `{"gatecast":{"grants":17}}`; -1: it knows none; none: it does not ask.
std::optional<std::int64_t> version_told(std::string_view data) {
  if (data.empty()) return std::nullopt;
  auto body = JsonIn::parse(data);
  if (!body || !body->has("gatecast")) return std::nullopt;
  auto ours = body->optional_object("gatecast");
  if (!ours) return std::nullopt;
  auto version = ours->optional_integer("grants");
  return version ? version->value_or(-1) : -1;
}

}  // namespace

std::optional<std::string> Connection::grant_asked(const NamespaceConfig& n, std::string_view channel) const {
  if (n.grant.empty() || worker_.services().config.realtime.insecure) return std::nullopt;
  return grant_resource(n.grant, channel);
}

access::Verdict Connection::judge_grant(std::string_view resource) const {
  if (anonymous() || resource.empty()) return access::Verdict::missing;
  return worker_.services().grants->judge(user_id(), resource);
}

Task<void> Connection::read_grants(Worker& worker, std::uint64_t id, std::string user_id, Then then) {
  auto held = co_await worker.services().grants->load(std::move(user_id));
  auto* connection = worker.find(id);
  if (connection == nullptr) co_return;
  if (connection->phase_ != Phase::connected && connection->phase_ != Phase::unconnected) co_return;
  then(*connection, held ? Result<void>{} : Result<void>(held.error()));
}

void Connection::refuse_granted(std::uint32_t id, Errc code) {
  reply_error(id, code);
  release();
}

// The command waits already.
void Connection::begin_subscribe(Subscribing wish) {
  if (wish.granted) {
    const auto verdict = judge_grant(wish.grant);
    if (verdict == access::Verdict::missing) return refuse_granted(wish.id, Errc::grant_missing);
    if (verdict == access::Verdict::unread) return subscribe_after_reading(std::move(wish));
  }
  auto options = wish.options();
  const std::string channel = wish.channel;
  worker_.hub().subscribe(*this, channel, std::move(options),
                          [this, wish = std::move(wish)](Result<hub::Subscribed> done) mutable {
                            subscribed(std::move(wish), std::move(done));
                          });
}

void Connection::subscribe_after_reading(Subscribing wish) {
  if (++wish.readings > kReadings) return refuse_granted(wish.id, Errc::temporarily_unavailable);
  spawn(read_grants(worker_, id_, user_->id.text(),
                    [wish = std::move(wish)](Connection& c, const Result<void>& read) mutable {
                      if (!read) return c.refuse_granted(wish.id, Errc::temporarily_unavailable);
                      c.begin_subscribe(std::move(wish));
                    }));
}

void Connection::with_grant(std::uint32_t command, std::string resource, Go go, std::uint8_t readings) {
  const auto verdict = judge_grant(resource);
  if (verdict == access::Verdict::held) return go(*this);
  if (verdict == access::Verdict::missing) return refuse_granted(command, Errc::grant_missing);
  if (readings == 0) return refuse_granted(command, Errc::temporarily_unavailable);
  spawn(read_grants(worker_, id_, user_->id.text(),
                    [command, resource = std::move(resource), go = std::move(go), readings](
                        Connection& c, const Result<void>& read) mutable {
                      if (!read) return c.refuse_granted(command, Errc::temporarily_unavailable);
                      c.with_grant(command, std::move(resource), std::move(go), readings - 1);
                    }));
}

void Connection::if_granted(const protocol::Command& command, const NamespaceConfig& n, Go go) {
  wait();
  // A subscriber has been judged, and is again when grants change; what a token or the application gave is their word.
  auto resource = grant_asked(n, command.channel);
  if (!resource || worker_.hub().subscribed(*this, command.channel)) return go(*this);
  with_grant(command.id, std::move(*resource), std::move(go), kReadings);
}

bool Connection::has_granted() const {
  return seats_ != nullptr && std::ranges::any_of(seats_->all, [](const Seat& seat) { return !seat.grant.empty(); });
}

bool Connection::rejudge_grants(bool all_unread_end) {
  if (seats_ == nullptr || phase_ != Phase::connected) return false;
  bool unread = false;
  std::vector<std::string> lost;
  for (const auto& seat : seats_->all) {
    if (seat.grant.empty()) continue;
    const auto verdict = judge_grant(seat.grant);
    unread |= verdict == access::Verdict::unread;
    if (verdict == access::Verdict::missing || (all_unread_end && verdict == access::Verdict::unread)) {
      lost.push_back(seat.channel);
    }
  }
  const auto& code = info(Errc::grant_missing);
  for (const auto& channel : lost) {
    if (phase_ == Phase::connected) end_subscription(channel, code.unsub, code.message);
  }
  return unread && !all_unread_end;
}

void Connection::take_version_told(std::string_view data) { pending_->grants_known = version_told(data); }

/// Every channel stands: the reply is written once the list that belongs to it is in memory.
void Connection::finish_joining(std::uint8_t readings) {
  if (!pending_->grants_known || anonymous() || readings == 0 ||
      worker_.services().grants->peek(user_id()) != nullptr) {
    return connected_now();
  }
  spawn(read_grants(worker_, id_, user_->id.text(), [readings](Connection& c, const Result<void>& read) {
    if (c.phase_ == Phase::unconnected) c.finish_joining(read ? readings - 1 : 0);
  }));
}

/// The connect reply's data: the list where the client does not have it. Taken from memory in the turn of the reply,
/// behind the personal channel's subscription: a later change comes as a push.
std::string Connection::grants_at_connect() const {
  if (!pending_->grants_known || anonymous()) return {};
  const auto held = worker_.services().grants->peek(user_id());
  JsonOut grants;
  if (held == nullptr) {
    grants.boolean("omitted", true);
  } else if (*pending_->grants_known == static_cast<std::int64_t>(held->version)) {
    return {};
  } else {
    grants = grants_for(*held, std::nullopt, grants_most());
  }
  return JsonOut().object("gatecast", JsonOut().object("grants", grants)).done();
}

std::size_t Connection::grants_most() const {
  return std::min<std::size_t>(kGrantsInlineBytes, limits().queue_bytes / 4);
}

void Connection::on_grants_rpc(const protocol::Command& command) {
  if (anonymous()) return reply_error(command.id, Errc::permission_denied);
  std::optional<std::int64_t> known;
  if (!command.data.empty()) {
    auto body = JsonIn::parse(command.data);
    auto version = body ? body->optional_integer("version") : Result<std::optional<std::int64_t>>(body.error());
    if (!version) return reply_error(command.id, Errc::bad_request);
    known = *version;
  }
  wait();
  spawn(reply_grants(worker_, id_, command.id, user_->id.text(), known));
}

Task<void> Connection::reply_grants(Worker& worker, std::uint64_t id, std::uint32_t command, std::string user_id,
                                    std::optional<std::int64_t> known) {
  auto held = co_await worker.services().grants->load(std::move(user_id));
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::connected) co_return;
  if (held) {
    connection->reply_rpc(command, grants_for(**held, known, connection->grants_most()).done());
  } else {
    connection->reply_error(command, held.error().code);
  }
  connection->release();
}

}  // namespace gatecast::server
