#include "server/socket/closed_connections.hpp"

namespace gatecast::server {
namespace {

std::size_t weight_of(const ClosedConnection& closed) {
  std::size_t weight = sizeof closed;
  for (const std::string* text : {&closed.client, &closed.user, &closed.session, &closed.ip}) {
    weight += text->capacity();
  }
  return weight;
}

}  // namespace

void ClosedConnections::note(ClosedConnection closed) {
  const std::size_t weight = weight_of(closed);
  if (weight > bytes_max_) return;
  while (bytes_ + weight > bytes_max_) {
    bytes_ -= weight_of(all_.front());
    all_.pop_front();
  }
  bytes_ += weight;
  all_.push_back(std::move(closed));
}

void ClosedConnections::each(const std::function<bool(const ClosedConnection&)>& fn) const {
  for (auto at = all_.rbegin(); at != all_.rend(); ++at) {
    if (!fn(*at)) return;
  }
}

}  // namespace gatecast::server
