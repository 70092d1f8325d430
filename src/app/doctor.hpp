// `gatecast doctor`: gathers the checks of all parts and shows them.
//
// Place: commands.cpp parses its arguments. doctor.cpp asks each part and the running server; doctor_store, _network,
// _proxy and _live are the parts that need more than the configuration and the machine. Threads: any one; blocks, each
// step within its time. Secrets are shown as fingerprints only; tokens of throw-away users not at all.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/commands.hpp"
#include "app/control_client.hpp"
#include "app/live_client.hpp"
#include "server/checks/checks.hpp"
#include "server/config/load.hpp"

namespace gatecast::app {

struct DoctorArguments {
  server::LoadOptions load{};
  bool json = false;
  bool strict = false;
  bool offline = false;
  bool online = false;
  bool live = false;
  std::string url{};
};

int do_doctor(const DoctorArguments& a, const Io& io);

/// What the parts share.
struct Doctor {
  const server::Config& config;
  const DoctorArguments& arguments;
  std::optional<ControlClient>& control;  // of the running server, where there is one
  const Io& io;

  /// Says on `err` what is being done, where it may take a while.
  void progress(std::string_view what) const;
};

/// The database's file, read beside a server that may be running on it.
server::Checks check_store(const Doctor& doctor);
/// The same of PostgreSQL.
server::Checks check_postgres(const Doctor& doctor);
/// Other servers that the configuration names; their clocks too.
server::Checks check_network(const Doctor& doctor);
/// What stands between a client and the server.
server::Checks check_proxy(const Doctor& doctor);
/// A session from end to end.
server::Checks check_live(const Doctor& doctor);

/// A difference of clocks, judged; `reply` has come just now.
std::optional<server::Check> check_skew(std::string_view whose, const HttpReply& reply);

/// Somebody who is there only for a check. What is left of them is removed by `remove`.
struct ThrowAway {
  std::string user{};
  std::string token{};
  std::string how{};  // "a fresh Solana key", "the control socket"
};
/// Signs in where anyone may, else mints a session over the control socket. Errors: what was refused; not_found where
/// neither is possible.
Result<ThrowAway> make_throw_away(const Doctor& doctor, const Place& place);
/// Deletes the user; where that cannot be, ends the session at least, and says why not.
Result<void> remove(const Doctor& doctor, const Place& place, const ThrowAway& somebody);

/// The server's own port on this machine.
Place local_place(const server::Config& config);

}  // namespace gatecast::app
