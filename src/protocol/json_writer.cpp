#include "protocol/json_writer.hpp"

#include <charconv>

namespace gatecast::protocol {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void append_embedded(std::string& out, std::string_view json) {
  if (json.find('\n') == std::string_view::npos && json.find('\r') == std::string_view::npos) {
    out += json;
    return;
  }
  for (const char c : json) {
    if (c != '\n' && c != '\r') out += c;
  }
}

/// The members of one object, in order; values that are zero or empty are left out. `end` closes it.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  /// Writes the name and gives the buffer for the value.
  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  Object object(std::string_view name) { return Object(member(name)); }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json_text(member(name), value);
  }
  void number(std::string_view name, std::uint64_t value) {
    if (value != 0) append_number(member(name), value);
  }
  void flag(std::string_view name, bool value) {
    if (value) member(name) += "true";
  }
  void embedded(std::string_view name, std::string_view json) {
    if (!json.empty()) append_embedded(member(name), json);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_info(std::string& out, const ClientInfo& info) {
  Object o(out);
  append_json_text(o.member("user"), info.user);
  append_json_text(o.member("client"), info.client);
  o.embedded("conn_info", info.conn_info);
  o.embedded("chan_info", info.chan_info);
  o.end();
}

void append_publication(std::string& out, const PublicationView& publication) {
  Object o(out);
  o.embedded("data", publication.data);
  if (publication.info != nullptr) append_info(o.member("info"), *publication.info);
  o.number("offset", publication.offset);
  if (!publication.tags.empty()) {
    Object tags = o.object("tags");
    for (const Tag& tag : publication.tags) {
      // Keys come from the application and are escaped like any text.
      std::string key;
      append_json_text(key, tag.key);
      append_json_text(tags.member(std::string_view(key).substr(1, key.size() - 2)), tag.value);
    }
    tags.end();
  }
  o.flag("delta", publication.delta);
  if (publication.time_ms > 0) o.number("time", static_cast<std::uint64_t>(publication.time_ms));
  o.end();
}

void append_publications(std::string& out, std::span<const PublicationView> publications) {
  out += '[';
  for (std::size_t i = 0; i < publications.size(); ++i) {
    if (i > 0) out += ',';
    append_publication(out, publications[i]);
  }
  out += ']';
}

void append_subscription(std::string& out, const SubscribeResult& r) {
  Object o(out);
  o.flag("expires", r.expires);
  o.number("ttl", r.ttl_seconds);
  o.flag("recoverable", r.recoverable);
  o.text("epoch", r.epoch);
  if (!r.publications.empty()) append_publications(o.member("publications"), r.publications);
  o.flag("recovered", r.recovered);
  o.number("offset", r.offset);
  o.flag("positioned", r.positioned);
  o.embedded("data", r.data);
  o.flag("was_recovering", r.was_recovering);
  o.flag("delta", r.delta);
  o.end();
}

/// `{"id":N,"<name>":` … `}`
template <class F>
void reply(std::string& out, std::uint32_t id, std::string_view name, F body) {
  Object o(out);
  o.number("id", id);
  body(o.member(name));
  o.end();
}

/// `{"push":{"channel":"…","<kind>":` … `}}`
template <class F>
void push(std::string& out, std::string_view channel, std::string_view kind, F body) {
  Object o(out);
  Object inner = o.object("push");
  inner.text("channel", channel);
  body(inner.member(kind));
  inner.end();
  o.end();
}

void append_end(std::string& out, std::uint32_t code, std::string_view reason) {
  Object o(out);
  o.number("code", code);
  o.text("reason", reason);
  o.end();
}

void append_lifetime(std::string& out, bool expires, std::uint32_t ttl_seconds) {
  Object o(out);
  o.flag("expires", expires);
  o.number("ttl", ttl_seconds);
  o.end();
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // where the run of bytes that need no escape began
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\': out += c; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out += text.substr(plain);
  out += '"';
}

void append_reply(std::string& out, std::uint32_t id, const ConnectResult& r) {
  reply(out, id, "connect", [&](std::string& body) {
    Object o(body);
    o.text("client", r.client);
    o.text("version", r.version);
    o.flag("expires", r.expires);
    o.number("ttl", r.ttl_seconds);
    o.embedded("data", r.data);
    if (!r.subs.empty()) {
      std::string& subs = o.member("subs");
      char delimiter = '{';
      for (const ConnectedSub& sub : r.subs) {
        subs += delimiter;
        delimiter = ',';
        append_json_text(subs, sub.channel);
        subs += ':';
        append_subscription(subs, sub.result);
      }
      subs += '}';
    }
    o.number("ping", r.ping_seconds);
    o.flag("pong", r.pong);
    o.text("session", r.session);
    o.text("node", r.node);
    o.end();
  });
}

void append_reply(std::string& out, std::uint32_t id, const SubscribeResult& r) {
  reply(out, id, "subscribe", [&](std::string& body) { append_subscription(body, r); });
}

void append_reply(std::string& out, std::uint32_t id, const UnsubscribeResult&) {
  reply(out, id, "unsubscribe", [](std::string& body) { body += "{}"; });
}

void append_reply(std::string& out, std::uint32_t id, const PublishResult&) {
  reply(out, id, "publish", [](std::string& body) { body += "{}"; });
}

void append_result(std::string& out, const PresenceResult& r) {
  out += "{\"presence\":{";
  for (std::size_t i = 0; i < r.clients.size(); ++i) {
    if (i > 0) out += ',';
    append_json_text(out, r.clients[i].client);
    out += ':';
    append_info(out, r.clients[i]);
  }
  out += "}}";
}

void append_result(std::string& out, const PresenceStatsResult& r) {
  Object o(out);
  append_number(o.member("num_clients"), r.num_clients);
  append_number(o.member("num_users"), r.num_users);
  o.end();
}

void append_result(std::string& out, const HistoryResult& r) {
  Object o(out);
  append_publications(o.member("publications"), r.publications);
  append_json_text(o.member("epoch"), r.epoch);
  append_number(o.member("offset"), r.offset);
  o.end();
}

void append_reply(std::string& out, std::uint32_t id, const PresenceResult& r) {
  reply(out, id, "presence", [&](std::string& body) { append_result(body, r); });
}

void append_reply(std::string& out, std::uint32_t id, const PresenceStatsResult& r) {
  reply(out, id, "presence_stats", [&](std::string& body) { append_result(body, r); });
}

void append_reply(std::string& out, std::uint32_t id, const HistoryResult& r) {
  reply(out, id, "history", [&](std::string& body) { append_result(body, r); });
}

void append_reply(std::string& out, std::uint32_t id, const RpcResult& r) {
  reply(out, id, "rpc", [&](std::string& body) {
    Object o(body);
    o.embedded("data", r.data);
    o.end();
  });
}

void append_reply(std::string& out, std::uint32_t id, const RefreshResult& r) {
  reply(out, id, "refresh", [&](std::string& body) {
    Object o(body);
    o.text("client", r.client);
    o.text("version", r.version);
    o.flag("expires", r.expires);
    o.number("ttl", r.ttl_seconds);
    o.end();
  });
}

void append_reply(std::string& out, std::uint32_t id, const SubRefreshResult& r) {
  reply(out, id, "sub_refresh", [&](std::string& body) { append_lifetime(body, r.expires, r.ttl_seconds); });
}

void append_error(std::string& out, std::uint32_t id, Errc code) {
  const CodeInfo& known = info(info(code).reply != 0 ? code : Errc::internal);
  append_error(out, id, known.reply, known.message, known.temporary);
}

void append_error(std::string& out, std::uint32_t id, std::uint32_t code, std::string_view message, bool temporary) {
  reply(out, id, "error", [&](std::string& body) {
    Object o(body);
    o.number("code", code);
    o.text("message", message);
    o.flag("temporary", temporary);
    o.end();
  });
}

void append_publication_push(std::string& out, std::string_view channel, const PublicationView& publication) {
  push(out, channel, "pub", [&](std::string& body) { append_publication(body, publication); });
}

void append_join_push(std::string& out, std::string_view channel, const ClientInfo& who) {
  push(out, channel, "join", [&](std::string& body) {
    Object o(body);
    append_info(o.member("info"), who);
    o.end();
  });
}

void append_leave_push(std::string& out, std::string_view channel, const ClientInfo& who) {
  push(out, channel, "leave", [&](std::string& body) {
    Object o(body);
    append_info(o.member("info"), who);
    o.end();
  });
}

void append_subscribe_push(std::string& out, std::string_view channel, const SubscribePush& sub) {
  push(out, channel, "subscribe", [&](std::string& body) {
    Object o(body);
    o.flag("recoverable", sub.recoverable);
    o.text("epoch", sub.epoch);
    o.number("offset", sub.offset);
    o.flag("positioned", sub.positioned);
    o.embedded("data", sub.data);
    o.end();
  });
}

void append_unsubscribe_push(std::string& out, std::string_view channel, std::uint32_t code, std::string_view reason) {
  push(out, channel, "unsubscribe", [&](std::string& body) { append_end(body, code, reason); });
}

void append_message_push(std::string& out, std::string_view data) {
  push(out, {}, "message", [&](std::string& body) {
    Object o(body);
    o.embedded("data", data);
    o.end();
  });
}

void append_disconnect_push(std::string& out, std::uint32_t code, std::string_view reason) {
  push(out, {}, "disconnect", [&](std::string& body) { append_end(body, code, reason); });
}

void append_refresh_push(std::string& out, bool expires, std::uint32_t ttl_seconds) {
  push(out, {}, "refresh", [&](std::string& body) { append_lifetime(body, expires, ttl_seconds); });
}

void append_ping(std::string& out) { out += "{}"; }

}  // namespace gatecast::protocol
