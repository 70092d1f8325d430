#include "access/grants.hpp"

#include "crypto/random.hpp"
#include "metrics/registry.hpp"

namespace gatecast::access {
namespace {

constexpr std::size_t kIdChars = 20;

void count(store::GrantNews news) {
  using metrics::GrantChange;
  switch (news) {
    case store::GrantNews::none: return;
    case store::GrantNews::added: return metrics::count<"grants_changed_total">(GrantChange::added);
    case store::GrantNews::changed: return metrics::count<"grants_changed_total">(GrantChange::changed);
    case store::GrantNews::removed: return metrics::count<"grants_changed_total">(GrantChange::removed);
    case store::GrantNews::expired: return metrics::count<"grants_changed_total">(GrantChange::expired);
  }
}

}  // namespace

Grants::Grants(store::GrantStore& store, const Clock& clock, Options options)
    : store_(store),
      clock_(clock),
      options_(options),
      cache_(options.cached_bytes),
      reader_(store, cache_),
      sweep_(store, clock, [this](std::span<const store::GrantChange> changes) { landed(changes); }) {}

// What is in memory is brought up to date before anybody is told, so that whoever is told judges by the change.
void Grants::landed(std::span<const store::GrantChange> changes) {
  for (const auto& change : changes) {
    cache_.apply(change);
    count(change.news);
    if (const auto at = grant_change_at(change.grant)) sweep_.note(*at);
    if (change.news != store::GrantNews::none && on_changed_) on_changed_(change);
  }
  if (on_audited_) on_audited_();
}

Task<Result<store::GrantAdded>> Grants::add(store::GrantAdd request) {
  request.id = crypto::random_id(kIdChars);
  request.most = options_.user_max;
  request.landed = [this](std::span<const store::GrantChange> changes) { landed(changes); };
  const std::string user_id = request.user_id;
  auto done = co_await store_.add_grant(std::move(request));
  if (done && !done->changed) found(user_id, done->change.version);
  co_return done;
}

Task<Result<store::GrantsRemoved>> Grants::remove(store::GrantRemove request) {
  request.landed = [this](std::span<const store::GrantChange> changes) { landed(changes); };
  const std::string user_id = request.user_id;
  auto gone = co_await store_.remove_grants(std::move(request));
  if (gone && gone->removed == 0) found(user_id, gone->version);
  co_return gone;
}

void Grants::found(const std::string& user_id, std::uint64_t version) {
  if (version == 0) return;  // there has never been one
  cache_.forget_before(user_id, version);
  if (on_found_) on_found_(user_id, version);
}

Task<Result<store::UserGrants>> Grants::all_of(std::string user_id) {
  auto all = co_await store_.grants_of({std::move(user_id)});
  if (!all) co_return all.error();
  co_return std::move(all->front());
}

Task<Result<HeldRef>> Grants::load(std::string user_id) {
  if (auto known = cache_.find(user_id)) co_return known;
  co_return co_await reader_.read(std::move(user_id));
}

Verdict Grants::judge(std::string_view user_id, std::string_view resource) {
  const HeldRef held = cache_.find(user_id);
  if (held == nullptr) return Verdict::unread;
  return held->holds(resource, clock_.wall()) ? Verdict::held : Verdict::missing;
}

}  // namespace gatecast::access
