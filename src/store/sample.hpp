// Samples for tests of what stands on a store: a sign-in that every store accepts, and many tasks at once.
//
// Place: tests only. Pure, but for `gather`, which starts its tasks on the loop that awaits it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace gatecast::store {

inline constexpr WallTime kContractStart{std::chrono::seconds{1'800'000'000}};

/// A sign-in of `subject`; ids are made of `tag`, which is unique in a test.
inline SignIn make_sign_in(const std::string& subject, const std::string& tag) {
  SignIn request;
  request.nonce = "nonce-" + tag;
  request.nonce_expires = kContractStart + std::chrono::minutes(5);
  request.kind = "solana";
  request.subject = subject;
  request.new_user = {.id = "user-" + tag, .nickname = "nick " + tag, .ref_code = "ref-" + tag};
  request.new_user.created_at = kContractStart;
  request.identity_id = "identity-" + tag;
  request.session.how = "solana";
  request.session.ip = "192.0.2.1";
  request.session.user_agent = "contract";
  request.session.created_at = kContractStart;
  request.session.last_seen_at = kContractStart;
  request.session.expires_at = kContractStart + std::chrono::days(30);
  request.session.absolute_expires_at = kContractStart + std::chrono::days(180);
  request.secret_hash = "secret of " + tag;
  request.sid_for = [tag](std::string_view user_id) { return "sid-" + tag + "/" + std::string(user_id); };
  return request;
}

namespace detail {
template <class T>
struct Gathering {
  std::vector<std::optional<T>> results;
  std::size_t left = 0;
  std::optional<Resume<bool>> all_here{};
};
template <class T>
Task<void> gather_one(Task<T> task, Gathering<T>& gathering, std::size_t index) {
  gathering.results[index].emplace(co_await std::move(task));
  if (--gathering.left == 0 && gathering.all_here) (*gathering.all_here)(true);
}
}  // namespace detail

/// Starts all tasks at once and gives their results in order.
template <class T>
Task<std::vector<T>> gather(std::vector<Task<T>> tasks) {
  detail::Gathering<T> gathering{.results = std::vector<std::optional<T>>(tasks.size()), .left = tasks.size()};
  for (std::size_t i = 0; i < tasks.size(); ++i) spawn(detail::gather_one(std::move(tasks[i]), gathering, i));
  if (gathering.left > 0) {
    co_await arrival<bool>([&gathering](Resume<bool> resume) { gathering.all_here.emplace(std::move(resume)); });
  }
  std::vector<T> results;
  for (auto& result : gathering.results) results.push_back(std::move(*result));
  co_return results;
}

}  // namespace gatecast::store
