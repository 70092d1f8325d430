#include "broker/memory_nodes.hpp"

namespace gatecast::broker {

void MemoryNet::join(const std::string& id, MemoryNodes& nodes, Loop& loop) {
  const std::lock_guard lock(mutex_);
  members_[id] = {.nodes = &nodes, .loop = &loop};
}

void MemoryNet::leave(const std::string& id) {
  const std::lock_guard lock(mutex_);
  members_.erase(id);
}

void MemoryNet::cut(const std::string& id) {
  const std::lock_guard lock(mutex_);
  members_.at(id).cut = true;
}

void MemoryNet::mend(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& member = members_.at(id);
  member.cut = false;
  member.loop->post([nodes = member.nodes] { nodes->listening(); });
}

void MemoryNet::lose(const std::string& id, unsigned count) {
  const std::lock_guard lock(mutex_);
  members_.at(id).lose = count;
}

void MemoryNet::delay(const std::string& id, Duration by) {
  const std::lock_guard lock(mutex_);
  members_.at(id).delay = by;
}

void MemoryNet::carry(const std::string& from, const std::string* to, const std::string& message) {
  const std::lock_guard lock(mutex_);
  const auto sender = members_.find(from);
  if (sender == members_.end() || sender->second.cut) return;
  for (auto& [id, member] : members_) {
    if (member.cut || (to != nullptr && *to != id)) continue;
    if (member.lose > 0 && id != from) {
      --member.lose;
      continue;
    }
    member.loop->post([this, id, loop = member.loop, by = member.delay, message] {
      if (by == Duration::zero()) return deliver(id, message);
      loop->after(by, [this, id, message] { deliver(id, message); });
    });
  }
}

void MemoryNet::deliver(const std::string& id, const std::string& message) {
  MemoryNodes* nodes = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at = members_.find(id);
    if (at == members_.end() || at->second.cut) return;
    nodes = at->second.nodes;
  }
  // It leaves on this loop too, so that it is there still.
  nodes->received(message);
}

MemoryNodes::~MemoryNodes() { net_.leave(id()); }

void MemoryNodes::send_all(std::string message) { net_.carry(id(), nullptr, message); }

void MemoryNodes::send_to(const std::string& node, std::string message) { net_.carry(id(), &node, message); }

void MemoryNodes::open() {
  net_.join(id(), *this, loop());
  loop().post([this] { listening(); });
}

Task<void> MemoryNodes::close() {
  net_.leave(id());
  co_return;
}

}  // namespace gatecast::broker
