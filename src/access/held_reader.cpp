#include "access/held_reader.hpp"

#include "metrics/registry.hpp"

namespace gatecast::access {

Task<Result<HeldRef>> HeldReader::read(std::string user_id) {
  co_return co_await arrival<Result<HeldRef>>([this, &user_id](Resume<Result<HeldRef>> resume) {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      waiting_[user_id].push_back(std::move(resume));
      first = !std::exchange(running_, true);
    }
    if (first) spawn(read_all());
  });
}

HeldReader::Batch HeldReader::take() {
  std::lock_guard lock(mutex_);
  Batch batch;
  while (!waiting_.empty() && batch.size() < kUsersAtOnce) batch.insert(waiting_.extract(waiting_.begin()));
  running_ = !batch.empty();
  return batch;
}

Task<void> HeldReader::read_all() {
  for (Batch batch = take(); !batch.empty(); batch = take()) {
    std::vector<std::string> users;
    for (const auto& [user_id, waiters] : batch) {
      users.push_back(user_id);
      cache_.reading(user_id);
    }
    metrics::add<"grants_read_total">(users.size());
    auto all = co_await store_.grants_of(std::move(users));
    answer(batch, std::move(all));
  }
}

void HeldReader::answer(Batch& batch, Result<std::vector<store::UserGrants>> all) {
  std::size_t i = 0;
  for (auto& [user_id, waiters] : batch) {
    Result<HeldRef> held = Errc::store_failed;
    if (all) {
      held = cache_.put(user_id, std::move((*all)[i++]));
    } else {
      held = all.error();
      cache_.give_up(user_id);
    }
    if (held && *held == nullptr) {
      // It changed meanwhile: the next query reads it again.
      std::lock_guard lock(mutex_);
      auto& again = waiting_[user_id];
      std::ranges::move(waiters, std::back_inserter(again));
      continue;
    }
    for (auto& resume : waiters) resume(held);
  }
  metrics::gauge_set<"grants_cached">(static_cast<std::int64_t>(cache_.users()));
}

}  // namespace gatecast::access
