// Writes replies and pushes as JSON, appended to a buffer; one object each, without a line end.
//
// Place: server and hub call it; a publication's push is encoded once per channel and form, not per recipient. Pure;
// any thread. Texts are UTF-8 and are escaped; embedded JSON is valid and copied without raw line ends. Fields that are
// zero, false or empty are left out where the protocol says so; result objects are written even when empty. Several
// messages in one frame are joined by the caller with '\n'. Bounds: the caller's buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/reply.hpp"
#include "schema/codes.hpp"

namespace gatecast::protocol {

// ---- replies: {"id":N,"<method>":{…}} ----
void append_reply(std::string& out, std::uint32_t id, const ConnectResult& result);
void append_reply(std::string& out, std::uint32_t id, const SubscribeResult& result);
void append_reply(std::string& out, std::uint32_t id, const UnsubscribeResult& result);
void append_reply(std::string& out, std::uint32_t id, const PublishResult& result);
void append_reply(std::string& out, std::uint32_t id, const PresenceResult& result);
void append_reply(std::string& out, std::uint32_t id, const PresenceStatsResult& result);
void append_reply(std::string& out, std::uint32_t id, const HistoryResult& result);
void append_reply(std::string& out, std::uint32_t id, const RpcResult& result);
void append_reply(std::string& out, std::uint32_t id, const RefreshResult& result);
void append_reply(std::string& out, std::uint32_t id, const SubRefreshResult& result);

// ---- results by themselves, as the server API answers them ----
void append_result(std::string& out, const PresenceResult& result);
void append_result(std::string& out, const PresenceStatsResult& result);
void append_result(std::string& out, const HistoryResult& result);

/// `{"id":N,"error":{"code":…,"message":"…","temporary":true?}}` as the registry has it; a code without a reply number
/// is reported as Errc::internal.
void append_error(std::string& out, std::uint32_t id, Errc code);
/// The same for a code of the application (400–1999).
void append_error(std::string& out, std::uint32_t id, std::uint32_t code, std::string_view message, bool temporary);

// ---- pushes: {"push":{"channel":"…","<kind>":{…}}} ----
void append_publication_push(std::string& out, std::string_view channel, const PublicationView& publication);
void append_join_push(std::string& out, std::string_view channel, const ClientInfo& who);
void append_leave_push(std::string& out, std::string_view channel, const ClientInfo& who);
void append_subscribe_push(std::string& out, std::string_view channel, const SubscribePush& body);
void append_unsubscribe_push(std::string& out, std::string_view channel, std::uint32_t code, std::string_view reason);
void append_message_push(std::string& out, std::string_view data);
void append_disconnect_push(std::string& out, std::uint32_t code, std::string_view reason);
void append_refresh_push(std::string& out, bool expires, std::uint32_t ttl_seconds);

/// `{}`
void append_ping(std::string& out);

/// `text` as a JSON string, with its quotes.
void append_json_text(std::string& out, std::string_view text);

}  // namespace gatecast::protocol
