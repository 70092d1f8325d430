#include "session/refusal_notes.hpp"

namespace gatecast::session {

void RefusalNotes::note(Errc code, std::string_view ip, std::string_view detail, WallTime at) {
  add({.at = at,
       .kind = "refusal",
       .ip = std::string(ip),
       .code = std::string(info(code).name),
       .detail = std::string(detail)});
}

void RefusalNotes::add(store::AuditRow row) {
  std::lock_guard lock(mutex_);
  std::pair<std::string, std::string> key{row.code, row.ip};
  if (!rows_.contains(key) && rows_.size() >= rows_max_) {
    key.second.clear();
    row.ip.clear();
    row.detail = "several addresses";
  }
  const std::uint64_t count = row.count;
  auto [at, fresh] = rows_.try_emplace(std::move(key), std::move(row));
  if (!fresh) at->second.count += count;
}

std::vector<store::AuditRow> RefusalNotes::take() {
  std::lock_guard lock(mutex_);
  std::vector<store::AuditRow> out;
  for (auto& [key, row] : rows_) out.push_back(std::move(row));
  rows_.clear();
  return out;
}

void RefusalNotes::put_back(const std::vector<store::AuditRow>& rows) {
  for (const store::AuditRow& row : rows) add(row);
}

}  // namespace gatecast::session
