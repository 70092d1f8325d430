#include "server/socket/users.hpp"

namespace gatecast::server {

User* Users::find(std::string_view id) const {
  auto it = users_.find(id);
  return it == users_.end() ? nullptr : it->get();
}

User& Users::get(std::string_view id) {
  if (auto* found = find(id)) return *found;
  return **users_.insert(std::make_unique<User>(id)).first;
}

void Users::drop_if_unused(User& user) {
  if (user.connections == 0) users_.erase(users_.find(user.id.view()));
}

}  // namespace gatecast::server
