// Who is connected on this shard: connections filed under their user.
//
// A connection keeps a pointer to its user's entry instead of the id's text; an ending walks the user's connections.
// Owner: a worker; threads: its shard. Bounds: one entry for each user with a connection here.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "core/compact_text.hpp"
#include "limits/pace.hpp"

namespace gatecast::server {

class Connection;

struct User {
  explicit User(std::string_view i) : id(i) {}
  const CompactText id;
  Connection* first = nullptr;
  std::uint32_t connections = 0;
  std::uint32_t commands = 0;          // those before `debt` was asked for
  limits::SharedDebt* debt = nullptr;  // of limits.user_commands; the same word on all shards
};

class Users {
 public:
  /// The user's entry, made where there is none.
  User& get(std::string_view id);
  User* find(std::string_view id) const;
  void drop_if_unused(User& user);
  std::size_t size() const { return users_.size(); }
  /// Calls `fn` for the id of everyone connected here.
  template <class F>
  void each(F fn) const {
    for (const auto& user : users_) fn(user->id.text());
  }

 private:
  struct ById {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>{}(id); }
    std::size_t operator()(const std::unique_ptr<User>& u) const { return (*this)(u->id.view()); }
    bool operator()(const std::unique_ptr<User>& a, const std::unique_ptr<User>& b) const {
      return a->id == b->id.view();
    }
    bool operator()(const std::unique_ptr<User>& a, std::string_view b) const { return a->id == b; }
    bool operator()(std::string_view a, const std::unique_ptr<User>& b) const { return b->id == a; }
  };
  boost::unordered_flat_set<std::unique_ptr<User>, ById, ById> users_;
};

}  // namespace gatecast::server
