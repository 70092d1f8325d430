#include "app/operators.hpp"

#include <filesystem>

#include "adapters/sqlite/restore.hpp"
#include "app/actions.hpp"
#include "app/control_client.hpp"
#include "core/lock_file.hpp"
#include "core/time_text.hpp"
#include "protocol/json_check.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using server::JsonIn;
using server::JsonOut;

/// Asks the server, and gives the answer to `show`; with --json the answer is what is shown.
int ask(const OperatorArguments& a, std::string_view method, const std::string& params, const Io& io, auto show) {
  auto client = ControlClient::connect(data_dir_of(a.load));
  if (!client) return complain(client.error(), io);
  auto answer = client->call(method, params);
  if (!answer) return complain(answer.error(), io);
  if (a.json) {
    io.out << *answer << "\n";
    return kFine;
  }
  auto result = JsonIn::parse(*answer);
  if (!result) return complain(fail(Errc::internal, "not an answer"), io);
  show(*result);
  return kFine;
}

std::string text_of(const JsonIn& in, std::string_view name) { return plain(in.optional_text(name).value_or("")); }
std::int64_t number_of(const JsonIn& in, std::string_view name) {
  return in.optional_integer(name).value_or(std::nullopt).value_or(0);
}
bool true_of(const JsonIn& in, std::string_view name) {
  return in.optional_bool(name).value_or(std::nullopt).value_or(false);
}

/// "2026-01-31 10:20:30" of an RFC 3339 time in UTC.
std::string moment(const JsonIn& in, std::string_view name) {
  std::string text = text_of(in, name);
  if (text.size() < 19) return text;
  text.resize(19);
  text[10] = ' ';
  return text;
}

std::vector<JsonIn> objects(const JsonIn& in, std::string_view name) {
  std::vector<JsonIn> out;
  auto items = in.items(name, 10'000);
  if (!items) return out;
  for (const auto item : *items) {
    if (auto object = JsonIn::parse(item)) out.push_back(std::move(*object));
  }
  return out;
}

std::string user_param(const OperatorArguments& a) { return JsonOut().text("user", a.user).done(); }

void show_user(const JsonIn& user, std::ostream& out) {
  for (const auto* name : {"id", "nickname", "avatar", "ref_code", "referrer"}) {
    if (const auto value = text_of(user, name); !value.empty()) out << fmt::format("{:<10} {}\n", name, value);
  }
  for (const auto* name : {"isCreator", "isVerified", "blocked"}) {
    out << fmt::format("{:<10} {}\n", name, true_of(user, name) ? "yes" : "no");
  }
  out << fmt::format("{:<10} {}\n", "created", moment(user, "createdAt"));
  out << fmt::format("{:<10} {}\n", "claims", plain(user.raw("claims")));
  std::vector<std::vector<std::string>> rows;
  for (const auto& identity : objects(user, "identities")) {
    rows.push_back({text_of(identity, "kind"), text_of(identity, "subject"), moment(identity, "createdAt"),
                    text_of(identity, "id")});
  }
  out << "\n" << table({"identity", "subject", "since (UTC)", "id"}, rows);
}

}  // namespace

int complain(const Error& error, const Io& io) {
  const auto& code = info(error.code);
  if (error.code == Errc::not_found && error.detail.find("gatecast.sock") != std::string::npos) {
    io.err << fmt::format("gatecast: no server runs here: {}\nStart it, or name its configuration with --config.\n",
                          error.detail);
    return kFailed;
  }
  io.err << fmt::format("gatecast: {}{}{}\n{}\n", code.message, error.detail.empty() ? "" : ": ", plain(error.detail),
                        code.cure);
  return kFailed;
}

std::string data_dir_of(const server::LoadOptions& options) {
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  return server::load(quiet).config.data.dir;
}

std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xc2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xe0) == 0x80;
    if (c1) ++i;
    out += c < 0x20 || c == 0x7f || c1 ? '?' : text[i];
  }
  return out;
}

std::string table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& name : heading) widths.push_back(name.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += i + 1 == row.size() ? row[i] + "\n" : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
  };
  line(heading);
  for (const auto& row : rows) line(row);
  return out;
}

int do_session_list(const OperatorArguments& a, const Io& io) {
  return ask(a, "sessions", user_param(a), io, [&](const JsonIn& result) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& s : objects(result, "sessions")) {
      rows.push_back({text_of(s, "id"), text_of(s, "how"), moment(s, "createdAt"), moment(s, "lastSeenAt"),
                      std::to_string(number_of(s, "connected")), text_of(s, "ip"), text_of(s, "userAgent")});
    }
    io.out << table({"session", "how", "since (UTC)", "last seen (UTC)", "connected", "ip", "user agent"}, rows);
  });
}

int do_session_end(const OperatorArguments& a, const Io& io) {
  if (a.session.empty() == a.user.empty()) {
    io.err << "gatecast: give a session's id, or --user USER for all sessions of a user\n";
    return kUsage;
  }
  const auto params = a.session.empty() ? user_param(a) : JsonOut().text("session", a.session).done();
  return ask(a, "session_end", params, io, [&](const JsonIn& result) {
    const auto ended = number_of(result, "ended");
    io.out << (ended == 0 ? "nothing to end: over already\n"
                          : fmt::format("{} session{} ended\n", ended, ended == 1 ? "" : "s"));
  });
}

int do_connection_list(const OperatorArguments& a, const Io& io) {
  JsonOut params;
  params.text_if("user", a.user).text_if("sort", a.sort).boolean("closed", a.closed).number("limit", a.limit);
  return ask(a, "connections", params.done(), io, [&](const JsonIn& result) {
    std::vector<std::vector<std::string>> rows;
    const auto connections = objects(result, "connections");
    for (const auto& c : connections) {
      std::vector<std::string> row{text_of(c, "client"),  text_of(c, "user"),       text_of(c, "ip"),
                                   plain(c.raw("age_s")), plain(c.raw("bytes_in")), plain(c.raw("bytes_out"))};
      if (a.closed) {
        row.insert(row.end(), {moment(c, "closed_at"), plain(c.raw("code")), text_of(c, "reason")});
      } else {
        const auto round_trip = plain(c.raw("rtt_ms"));
        row.insert(row.end(),
                   {plain(c.raw("num_channels")), plain(c.raw("queued_bytes")), round_trip.empty() ? "-" : round_trip});
      }
      rows.push_back(std::move(row));
    }
    std::vector<std::string> heading{"client", "user", "ip", "age s", "bytes in", "bytes out"};
    if (a.closed) {
      heading.insert(heading.end(), {"closed (UTC)", "code", "reason"});
    } else {
      heading.insert(heading.end(), {"channels", "queued", "rtt ms"});
    }
    io.out << table(heading, rows);
    io.out << fmt::format("{} of {}\n", connections.size(), number_of(result, "total"));
  });
}

int do_user_show(const OperatorArguments& a, const Io& io) {
  return ask(a, "user_get", user_param(a), io, [&](const JsonIn& result) {
    if (auto user = result.optional_object("user")) show_user(*user, io.out);
  });
}

int do_user_block(const OperatorArguments& a, bool blocked, const Io& io) {
  return ask(a, blocked ? "user_block" : "user_unblock", user_param(a), io, [&](const JsonIn& result) {
    const std::string_view what = blocked ? "blocked" : "not blocked";
    if (!true_of(result, "changed")) {
      io.out << fmt::format("{} before, too\n", what);
    } else {
      io.out << fmt::format("{} now, sessions ended: {}\n", what, number_of(result, "ended"));
    }
  });
}

int do_user_delete(const OperatorArguments& a, const Io& io) {
  return ask(a, "user_delete", user_param(a), io, [&](const JsonIn& result) {
    io.out << fmt::format("deleted, sessions ended: {}\n", number_of(result, "ended"));
  });
}

int do_token_mint(const OperatorArguments& a, const Io& io) {
  const auto params = JsonOut().text("user", a.user).boolean("create", a.create).done();
  return ask(a, "token_mint", params, io, [&](const JsonIn& result) {
    io.out << text_of(result, "token") << "\n";
    io.err << fmt::format("expires {} UTC; a new session of this user, which session list shows\n",
                          moment(result, "expiresAt"));
  });
}

int do_publish(const OperatorArguments& a, const Io& io) {
  if (!protocol::valid_json(a.data)) {
    io.err << "gatecast: DATA must be JSON: a text needs its quotes, '\"hello\"'\n";
    return kUsage;
  }
  const auto params = JsonOut().text("channel", a.channel).raw("data", a.data).done();
  // A line of the control socket holds no line ends, which in JSON only stand between tokens.
  std::string scratch;
  const std::string one_line(protocol::compact_newlines(params, scratch));
  return ask(a, "publish", one_line, io, [&](const JsonIn&) { io.out << "published\n"; });
}

int do_audit(const OperatorArguments& a, const Io& io) {
  JsonOut params;
  params.text_if("user", a.user).number("limit", a.limit);
  std::string kinds;
  for (const auto& kind : a.kinds) {
    if (!kinds.empty()) kinds += ',';
    protocol::append_json_text(kinds, kind);
  }
  if (!kinds.empty()) params.raw("kinds", "[" + kinds + "]");
  return ask(a, "audit", params.done(), io, [&](const JsonIn& result) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : objects(result, "rows")) {
      const auto count = row.has("count") ? fmt::format(" ({} times)", number_of(row, "count")) : std::string{};
      rows.push_back({std::to_string(number_of(row, "seq")), moment(row, "at"), text_of(row, "kind") + count,
                      text_of(row, "user"), text_of(row, "ip"), text_of(row, "code"), text_of(row, "detail")});
    }
    std::ranges::reverse(rows);
    io.out << table({"seq", "at (UTC)", "what", "user", "ip", "code", "detail"}, rows);
  });
}

namespace {

void show_reload(const JsonIn& result, bool taken, const Io& io) {
  auto& to = taken ? io.out : io.err;
  for (const auto& f : objects(result, "findings")) {
    std::string line = text_of(f, "level");
    for (const auto* name : {"where", "key", "text"}) {
      if (const auto text = text_of(f, name); !text.empty()) line += ": " + text;
    }
    to << line << "\n    " << text_of(f, "cure") << "\n";
  }
  if (!taken) {
    to << "gatecast: refused; the server goes on as it was\n";
    return;
  }
  const auto changed = result.texts("changed", 10'000).value_or(std::vector<std::string>{});
  for (const auto& one : changed) to << plain(one) << "\n";
  for (const auto& key : result.texts("restart", 10'000).value_or(std::vector<std::string>{})) {
    to << plain(key) << ": needs a restart\n";
  }
  if (changed.empty()) to << "nothing has changed\n";
}

}  // namespace

int do_reload(const OperatorArguments& a, const Io& io) {
  auto client = ControlClient::connect(data_dir_of(a.load));
  if (!client) return complain(client.error(), io);
  auto answer = client->call("reload", "{}");
  if (!answer) return complain(answer.error(), io);
  auto result = JsonIn::parse(*answer);
  if (!result) return complain(fail(Errc::internal, "not an answer"), io);
  const bool taken = true_of(*result, "taken");
  if (a.json) {
    io.out << *answer << "\n";
  } else {
    show_reload(*result, taken, io);
  }
  return taken ? kFine : kFailed;
}

int do_backup(const OperatorArguments& a, const Io& io) {
  std::error_code ec;
  const auto file = std::filesystem::absolute(a.file, ec).lexically_normal().string();
  return ask(a, "backup", JsonOut().text("file", file).done(), io, [&](const JsonIn&) {
    std::error_code none;
    io.out << fmt::format("{}: {} bytes\n", file, std::filesystem::file_size(file, none));
  });
}

int do_restore(const OperatorArguments& a, const Io& io) {
  server::LoadOptions quiet = a.load;
  quiet.make_dev_keys = false;
  const auto config = server::load(quiet).config;
  if (config.store.path.empty()) {
    const auto scheme = config.store.url.scheme();
    return complain(fail(scheme.starts_with("postgres") ? Errc::store_own_tools : Errc::config_invalid, "store.url"),
                    io);
  }
  auto lock = LockFile::take(config.data.dir + "/lock");
  if (!lock) return complain(lock.error(), io);
  auto restored = sqlite::restore(a.file, config.store.path, SystemClock{}.wall());
  if (!restored) return complain(restored.error(), io);
  io.out << fmt::format("{}: restored, {} users, {} sessions\n", config.store.path, restored->users,
                        restored->sessions);
  if (!restored->kept_as.empty()) io.out << fmt::format("the store before it is kept as {}\n", restored->kept_as);
  return kFine;
}

}  // namespace gatecast::app
