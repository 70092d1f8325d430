#include "adapters/redis/roster.hpp"

#include <algorithm>
#include <array>

#include "metrics/registry.hpp"

namespace gatecast::redis {

Roster::Entries::iterator Roster::place_of(Entries& entries, std::string_view client) {
  return std::lower_bound(entries.begin(), entries.end(), client,
                          [](const Entered& e, std::string_view id) { return e.who->client < id; });
}

void Roster::enter(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told) {
  if (!listed && !told) return;
  const std::string member = member_of(channel, listed);
  const auto known = entered_.find(member);
  Entries none;
  Entries& entries = known == entered_.end() ? none : known->second;
  const auto at = place_of(entries, who->client);
  Entered entered{std::move(who), told};
  if (at != entries.end() && at->who->client == entered.who->client) {
    *at = entered;
  } else {
    if (present_ >= present_max_) {
      metrics::count<"presence_left_out_total">();
      return;
    }
    ++present_;
    entries.insert(at, entered);
    if (known == entered_.end()) entered_.emplace(member, std::move(none));
  }
  send(member, std::span(&entered, 1), 'n', [this, member](Result<Value> reply) {
    if (!reply) doubt_member(member, 'l');
  });
}

void Roster::leave(std::string_view channel, const broker::ClientInfoRef& who, bool listed, bool told) {
  if (!listed && !told) return;
  const std::string member = member_of(channel, listed);
  if (const auto known = entered_.find(member); known != entered_.end()) {
    const auto at = place_of(known->second, who->client);
    if (at != known->second.end() && at->who->client == who->client) {
      known->second.erase(at);
      --present_;
    }
    if (known->second.empty()) entered_.erase(known);
  }
  send_leave(member, who->client, told ? presence_publication(broker::PublicationKind::leave, *who) : std::string{},
             'n');
}

void Roster::send(const std::string& member, std::span<const Entered> some, char how, ReplyDone done) {
  if (lease_.incarnation().empty()) {
    return calls_.later([done = std::move(done)]() mutable { done(Errc::temporarily_unavailable); });
  }
  const PresenceKeys keys(calls_.names(), member, lease_.incarnation());
  std::vector<std::string> texts;
  texts.reserve(some.size() * 2);
  std::vector<std::string_view> args{lease_.incarnation(),           member,     std::string_view(&how, 1),
                                     calls_.client().publish_verb(), keys.topic, keys.mark};
  args.reserve(args.size() + some.size() * 3);
  for (const auto& [who, told] : some) {
    args.push_back(who->client);
    args.push_back(texts.emplace_back(presence_entry(lease_.incarnation(), told, *who)));
    args.push_back(texts.emplace_back(told ? presence_publication(broker::PublicationKind::join, *who) : ""));
  }
  std::vector<std::string_view> names{keys.entries, keys.nodes, keys.index};
  if (!keys.users.empty()) names.push_back(keys.users);
  calls_.run(enter_script(), names, args, std::move(done));
}

void Roster::send_leave(const std::string& member, const std::string& client, const std::string& text, char how,
                        std::shared_ptr<Batch> batch) {
  const auto then = [this, member, client, text, batch](const Result<Value>& reply) {
    if (!reply) not_left(member, client, text);
    answered(batch, reply.has_value());
  };
  if (lease_.incarnation().empty()) {
    return calls_.later([then] { then(Errc::temporarily_unavailable); });
  }
  const PresenceKeys keys(calls_.names(), member, lease_.incarnation());
  std::vector<std::string_view> names{keys.entries, keys.nodes, keys.index};
  if (!keys.users.empty()) names.push_back(keys.users);
  calls_.run(leave_script(), names,
             std::array<std::string_view, 8>{lease_.incarnation(), member, std::string_view(&how, 1),
                                             calls_.client().publish_verb(), keys.topic, keys.mark, client, text},
             then);
}

/// It has left, and Redis may not know.
void Roster::not_left(const std::string& member, const std::string& client, const std::string& text) {
  if (const auto known = entered_.find(member); known != entered_.end()) {
    const auto at = place_of(known->second, client);
    if (at != known->second.end() && at->who->client == client) return doubt_member(member, 'l');  // has come back
  }
  if (gone_count_ >= kGone) {
    gone_.clear();
    gone_count_ = 0;
    return lease_.renounce();
  }
  ++gone_count_;
  gone_[member].emplace_back(client, text);
}

void Roster::doubt_member(const std::string& member, char how) {
  char& known = doubted_.try_emplace(member, how).first->second;
  if (how == 'l') known = how;
}

void Roster::doubt(std::string_view channel) {
  bool any = false;
  for (const bool listed : {true, false}) {
    const std::string member = member_of(channel, listed);
    if (!entered_.contains(member)) continue;
    doubt_member(member, 'q');
    any = true;
  }
  if (any) put_right();
}

void Roster::doubt_all(Lease::Anew how) {
  for (const auto& [member, entries] : entered_) doubt_member(member, how == Lease::Anew::told ? 'l' : 'q');
}

void Roster::put_right() {
  if (lease_.incarnation().empty()) return;
  while (at_work_ < kAtOnce && !gone_.empty()) {
    const std::string member = gone_.begin()->first;
    say_gone(member);
  }
  while (at_work_ < kAtOnce && !doubted_.empty()) {
    const auto at = doubted_.begin();
    const std::string member = at->first;
    const char how = at->second;
    doubted_.erase(at);
    put_right(member, how, {});
  }
}

void Roster::say_gone(const std::string& member) {
  Gone& all = gone_[member];
  const std::size_t count = std::min(all.size(), kBatch);
  const Gone some(std::make_move_iterator(all.end() - static_cast<std::ptrdiff_t>(count)),
                  std::make_move_iterator(all.end()));
  all.resize(all.size() - count);
  if (all.empty()) gone_.erase(member);
  gone_count_ -= count;
  ++at_work_;
  const auto batch = std::make_shared<Batch>(Batch{some.size()});
  for (const auto& [client, text] : some) send_leave(member, client, text, 'l', batch);
}

void Roster::answered(const std::shared_ptr<Batch>& batch, bool well) {
  if (batch == nullptr) return;
  batch->well = batch->well && well;
  if (--batch->left > 0) return;
  --at_work_;
  if (batch->well) put_right();
}

/// The entries behind the client `after`, one batch behind the other.
void Roster::put_right(const std::string& member, char how, std::string after) {
  const auto known = entered_.find(member);
  if (known == entered_.end()) return;
  auto from = place_of(known->second, after);
  if (from != known->second.end() && from->who->client == after) ++from;
  const auto count = std::min<std::size_t>(kBatch, static_cast<std::size_t>(known->second.end() - from));
  if (count == 0) return;
  const std::vector<Entered> some(from, from + static_cast<std::ptrdiff_t>(count));
  ++at_work_;
  send(member, some, how, [this, member, how, last = some.back().who->client](Result<Value> reply) {
    --at_work_;
    if (!reply) return doubt_member(member, how);
    put_right(member, how, last);
    put_right();
  });
}

}  // namespace gatecast::redis
