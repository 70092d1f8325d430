// Grants of users: what they may open, changed by back ends and by time, asked for by connections.
//
// Place: over the store; server brings the calls, judges connections by it and sends what `on_changed` is given. Owner:
// the process has one. Threads: any loop; `on_changed` is called on the store's thread, after the flush and in the
// order of the commits, when what is held in memory has the change already. Lifetime: store and clock outlive it;
// `stop` is awaited before destruction where `start` was called. Bounds: Options. Errors: user_unknown, grant_limit,
// the store's.
#pragma once

#include <functional>
#include <string>

#include "access/grant_sweep.hpp"
#include "access/held_reader.hpp"

namespace gatecast::access {

/// What a resource is to a user: `unread` says that the store has to be asked first (`load`).
enum class Verdict : std::uint8_t { held, missing, unread };

class Grants {
 public:
  struct Options {
    std::uint32_t user_max = 10'000;  // grants of a user that are not over
    std::size_t cached_bytes = 64u << 20;
  };
  using OnChanged = std::function<void(const store::GrantChange&)>;

  Grants(store::GrantStore& store, const Clock& clock, Options options);
  /// Before the first change. Not called for changes that mean nothing to the user.
  void on_changed(OnChanged fn) { on_changed_ = std::move(fn); }
  /// Called where a call has found its change made already, and what is known of the user may be older: the answer to
  /// the commit of the first call was lost, perhaps, so that nobody was told.
  void on_found(std::function<void(const std::string& user_id, std::uint64_t version)> fn) {
    on_found_ = std::move(fn);
  }
  /// Called after every change that has an audit row.
  void on_audited(std::function<void()> fn) { on_audited_ = std::move(fn); }

  /// Gives the grant an id of its own where it is new.
  Task<Result<store::GrantAdded>> add(store::GrantAdd request);
  Task<Result<store::GrantsRemoved>> remove(store::GrantRemove request);
  /// Pending ones too, as the store has them now.
  Task<Result<store::UserGrants>> all_of(std::string user_id);

  /// What the user holds, where that is in memory, or null.
  HeldRef peek(std::string_view user_id) { return cache_.find(user_id); }
  Task<Result<HeldRef>> load(std::string user_id);
  Verdict judge(std::string_view user_id, std::string_view resource);
  /// The user was deleted.
  void forget(const std::string& user_id) { cache_.forget(user_id); }
  /// Another process changed what the user holds, up to that version (0: nobody knows which); whether that is news.
  bool changed_elsewhere(const std::string& user_id, std::uint64_t version) {
    if (version != 0) return cache_.forget_before(user_id, version);
    cache_.forget(user_id);
    return true;
  }
  /// Changes of other processes may have been missed: everybody is read anew.
  void forget_all() { cache_.forget_all(); }

  /// Begins to begin and end grants in time.
  void start(Loop& loop) { sweep_.start(loop); }
  Task<void> stop() { return sweep_.stop(); }

 private:
  void landed(std::span<const store::GrantChange> changes);
  void found(const std::string& user_id, std::uint64_t version);

  store::GrantStore& store_;
  const Clock& clock_;
  const Options options_;
  OnChanged on_changed_;
  std::function<void(const std::string&, std::uint64_t)> on_found_;
  std::function<void()> on_audited_;
  HeldCache cache_;
  HeldReader reader_;
  GrantSweep sweep_;
};

}  // namespace gatecast::access
