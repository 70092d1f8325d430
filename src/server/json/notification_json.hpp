// Notifications as JSON: in pages, in what tabs are told, and which of them a call means.
//
// Pure; any thread.
#pragma once

#include "inbox/inbox.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {

/// `{id, kind, data, createdAt, readAt}`; `readAt` is null while unread.
JsonOut notification_json(const store::NotificationRow& row);
/// `{notifications, unread, version, next}` behind what `out` has; `next` is null at the end.
JsonOut page_json(JsonOut out, const store::NotificationPage& page);
/// What a user's tabs are told: `{"gatecast":{"type":"notification.added",…}}`.
std::string event_json(const inbox::Event& event);

/// Exactly one of `{ids}`, `{all:true}` and, where `read` may be chosen, `{read:true}`. Members of `besides` are the
/// caller's. Errors: field_missing, field_invalid.
Result<store::NotificationChoice> choice_of(const JsonIn& body, bool may_choose_read,
                                            std::initializer_list<std::string_view> besides = {});
/// A page's parameters as texts, empty where absent. Errors: field_invalid.
Result<store::NotificationQuery> page_query(std::string_view after, std::string_view limit, std::string_view unread);

}  // namespace gatecast::server
