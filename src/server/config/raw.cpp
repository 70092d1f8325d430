#include "server/config/raw.hpp"

namespace gatecast::server {

Raw* Raw::find(std::string_view name) {
  auto* members = std::get_if<Table>(&value);
  if (members == nullptr) return nullptr;
  for (auto& [key, member] : *members) {
    if (key == name) return &member;
  }
  return nullptr;
}

void overlay(Raw& under, Raw&& over) {
  auto* members = std::get_if<Raw::Table>(&over.value);
  if (members == nullptr || under.table() == nullptr) {
    under = std::move(over);
    return;
  }
  for (auto& [name, member] : *members) {
    if (Raw* there = under.find(name)) {
      overlay(*there, std::move(member));
    } else {
      std::get<Raw::Table>(under.value).emplace_back(name, std::move(member));
    }
  }
}

void put(Raw& root, std::string_view path, Raw&& value) {
  Raw* at = &root;
  while (true) {
    auto dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    Raw* next = at->find(name);
    if (next == nullptr) {
      if (at->table() == nullptr) at->value = Raw::Table{};
      auto& members = std::get<Raw::Table>(at->value);
      members.emplace_back(std::string(name), Raw{.where = value.where});
      next = &members.back().second;
    }
    if (dot == std::string_view::npos) {
      overlay(*next, std::move(value));
      return;
    }
    path.remove_prefix(dot + 1);
    at = next;
  }
}

}  // namespace gatecast::server
