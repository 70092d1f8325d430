#include "server/socket/subscribing.hpp"

#include <algorithm>

#include "server/namespaces.hpp"

namespace gatecast::server {

std::uint32_t seconds_until(std::int64_t then, WallTime now) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(then - unix_seconds(now), 1, 0x7fffffff));
}

Subscribing subscribing(std::string_view channel, const NamespaceConfig& n, token::SubscriptionClaims claims) {
  const auto& o = claims.overrides;
  Subscribing wish{.channel = std::string(channel)};
  wish.chan_info = std::move(claims.info);
  wish.data = std::move(claims.data);
  wish.keeps = history_of(n).on();
  wish.recoverable = wish.keeps && o.force_recovery.value_or(n.force_recovery);
  wish.positioned = wish.recoverable || (wish.keeps && o.force_positioning.value_or(n.force_positioning));
  wish.newest_only = n.force_recovery_mode == "cache";
  wish.listed = o.presence.value_or(n.presence);
  wish.told = o.join_leave.value_or(n.join_leave);
  wish.joins = wish.told && o.force_push_join_leave.value_or(n.force_push_join_leave);
  return wish;
}

Result<void> take_forms(Subscribing& wish, const NamespaceConfig& n, const protocol::Command& command) {
  const bool fossil = std::ranges::find(n.allowed_delta_types, command.delta) != n.allowed_delta_types.end();
  wish.delta = !command.delta.empty() && fossil && wish.positioned;
  if (command.tf.empty()) return {};
  if (!n.allow_tags_filter) return fail(Errc::bad_request, "tags filter: the namespace has none");
  if (!command.delta.empty()) return fail(Errc::bad_request, "tags filter together with delta");
  auto filter = protocol::TagsFilter::parse(command.tf);
  if (!filter) return filter.error();
  wish.filter = std::make_shared<const protocol::TagsFilter>(std::move(*filter));
  return {};
}

SubscribedView::SubscribedView(const Subscribing& wish, const hub::Subscribed& done, WallTime now)
    : publications_(done.publications, wish.delta), epoch_(broker::epoch_text(done.position.epoch)) {
  if (wish.positioned) {
    result_.positioned = true;
    result_.recoverable = wish.recoverable;
    result_.epoch = epoch_;
    // Where it recovered the client walks up from where it was, publication by publication.
    result_.offset = wish.since && done.recovered && !done.publications.empty() ? done.publications.front()->offset - 1
                                                                                : done.position.offset;
  }
  if (wish.since) {
    result_.was_recovering = true;
    result_.recovered = done.recovered;
    result_.publications = publications_.views();
  }
  if (wish.expires != 0) {
    result_.expires = true;
    result_.ttl_seconds = seconds_until(wish.expires, now);
  }
  result_.data = wish.data;
  result_.delta = wish.delta;
}

}  // namespace gatecast::server
