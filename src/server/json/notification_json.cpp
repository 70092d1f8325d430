#include "server/json/notification_json.hpp"

#include <algorithm>
#include <charconv>

#include "core/time_text.hpp"

namespace gatecast::server {
namespace {

using inbox::Event;
using store::NotificationChoice;

std::string list_json(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ',';
    protocol::append_json_text(out, text);
  }
  return out + ']';
}

void add_choice(JsonOut& out, const NotificationChoice& choice) {
  switch (choice.kind) {
    case NotificationChoice::Kind::ids: out.raw("ids", list_json(choice.ids)); return;
    case NotificationChoice::Kind::all: out.boolean("all", true); return;
    case NotificationChoice::Kind::read: out.boolean("read", true); return;
  }
}

/// A whole number from 1 to `most`; `otherwise` for the empty text.
Result<std::uint64_t> number_of(std::string_view name, std::string_view text, std::uint64_t otherwise,
                                std::uint64_t most) {
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || at != end || value < 1 || value > most) {
    return fail(Errc::field_invalid, fmt::format("{}: a number from 1 to {}", name, most));
  }
  return value;
}

}  // namespace

JsonOut notification_json(const store::NotificationRow& row) {
  JsonOut out;
  out.text("id", row.id).text("kind", row.kind).raw("data", row.data).text("createdAt", format_rfc3339(row.created_at));
  if (row.read_at) return out.text("readAt", format_rfc3339(*row.read_at));
  return out.raw("readAt", "null");
}

JsonOut page_json(JsonOut out, const store::NotificationPage& page) {
  std::string list = "[";
  for (const auto& row : page.rows) {
    if (list.size() > 1) list += ',';
    list += notification_json(row).done();
  }
  out.raw("notifications", list + ']').number("unread", page.unread).number("version", page.version);
  return page.more ? out.text("next", fmt::format("{}", page.rows.back().seq)) : out.raw("next", "null");
}

std::string event_json(const Event& event) {
  JsonOut out;
  switch (event.kind) {
    case Event::Kind::added:
      out.text("type", "notification.added").object("notification", notification_json(event.row));
      break;
    case Event::Kind::read:
      out.text("type", "notification.read");
      add_choice(out, event.choice);
      break;
    case Event::Kind::removed:
      out.text("type", "notification.removed");
      add_choice(out, event.choice);
      break;
  }
  return JsonOut().object("gatecast", out.number("unread", event.unread).number("version", event.version)).done();
}

Result<NotificationChoice> choice_of(const JsonIn& body, bool may_choose_read,
                                     std::initializer_list<std::string_view> besides) {
  for (const auto& [name, value] : body.members()) {
    const bool known = name == "ids" || name == "all" || (may_choose_read && name == "read");
    if (!known && std::ranges::find(besides, name) == besides.end()) {
      return fail(Errc::field_invalid, fmt::format("{}: no member of that name", name.substr(0, 64)));
    }
  }
  if (body.has("ids") + body.has("all") + body.has("read") != 1) {
    return fail(Errc::field_invalid, may_choose_read ? "give ids, all or read" : "give ids or all");
  }
  if (body.has("ids")) {
    auto ids = body.texts("ids", inbox::kIdsMax);
    if (!ids) return ids.error();
    return NotificationChoice{.kind = NotificationChoice::Kind::ids, .ids = std::move(*ids)};
  }
  const std::string_view name = body.has("all") ? "all" : "read";
  auto on = body.optional_bool(name);
  if (!on) return on.error();
  if (!on->value_or(false)) return fail(Errc::field_invalid, fmt::format("{}: true", name));
  return NotificationChoice{.kind = name == "all" ? NotificationChoice::Kind::all : NotificationChoice::Kind::read};
}

Result<store::NotificationQuery> page_query(std::string_view after, std::string_view limit, std::string_view unread) {
  store::NotificationQuery query;
  auto before = number_of("after", after, query.before, query.before);
  if (!before) return before.error();
  auto rows = number_of("limit", limit, query.limit, inbox::kPageMax);
  if (!rows) return rows.error();
  if (!unread.empty() && unread != "true" && unread != "false") {
    return fail(Errc::field_invalid, "unread: true or false");
  }
  query.before = *before;
  query.limit = static_cast<std::uint32_t>(*rows);
  query.unread = unread == "true";
  return query;
}

}  // namespace gatecast::server
