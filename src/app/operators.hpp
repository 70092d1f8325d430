// Commands of an operator: sessions, connections, users, tokens, publications, the audit log, reload, backup and
// restore.
//
// Place: operator_line.cpp parses their arguments, these do them; all but `restore` ask the running server through its
// control socket. Threads: any one. Each returns the exit code; results go to `out` – tables for people, with `json`
// the answer as it came –, complaints to `err`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "core/result.hpp"
#include "server/config/load.hpp"

namespace gatecast::app {

struct OperatorArguments {
  server::LoadOptions load{};
  bool json = false;
  std::string user{};
  std::string session{};
  std::string file{};
  std::string format{};  // of an import: "jsonl", "csv"; empty: by the file's name
  std::string channel{};
  std::string data{};
  std::string from{}, to{};  // of a copy; empty: the configuration's store
  std::vector<std::string> kinds{};
  std::string sort{};  // of connections; empty: by age
  bool closed = false;
  std::uint32_t limit = 50;
  bool dry_run = false;
  bool create = false;
};

int do_session_list(const OperatorArguments& a, const Io& io);
int do_session_end(const OperatorArguments& a, const Io& io);
int do_connection_list(const OperatorArguments& a, const Io& io);
int do_user_show(const OperatorArguments& a, const Io& io);
int do_user_block(const OperatorArguments& a, bool blocked, const Io& io);
int do_user_delete(const OperatorArguments& a, const Io& io);
int do_user_import(const OperatorArguments& a, const Io& io);
int do_user_export(const OperatorArguments& a, const Io& io);
int do_token_mint(const OperatorArguments& a, const Io& io);
int do_publish(const OperatorArguments& a, const Io& io);
int do_audit(const OperatorArguments& a, const Io& io);
int do_backup(const OperatorArguments& a, const Io& io);
/// The server reads its configuration anew, as at SIGHUP; 1 where it refuses it.
int do_reload(const OperatorArguments& a, const Io& io);
int do_restore(const OperatorArguments& a, const Io& io);

/// Says what was refused and what to do; gives the exit code.
int complain(const Error& error, const Io& io);
/// data.dir of the configuration, whatever else is wrong with it.
std::string data_dir_of(const server::LoadOptions& options);
/// A text for a terminal: what would move the cursor or hide is shown as '?'.
std::string plain(std::string_view text);
/// Rows under a heading, each column as wide as its widest text.
std::string table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows);

}  // namespace gatecast::app
