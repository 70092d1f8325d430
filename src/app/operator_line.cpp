#include "app/operator_line.hpp"

#include <CLI/CLI.hpp>

#include "app/store_actions.hpp"

namespace gatecast::app {
namespace {

void take_config(CLI::App& command, OperatorArguments& a) {
  command.add_option("--config", a.load.file, "The running server's configuration file (TOML)")->type_name("FILE");
  command.add_flag("--dev", a.load.dev, "The server runs with --dev");
  command.add_option("--set", a.load.sets, "One key of the configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

CLI::App* add(CLI::App& under, const std::string& name, const std::string& help, OperatorArguments& a) {
  auto* command = under.add_subcommand(name, help);
  take_config(*command, a);
  return command;
}

CLI::App* with_json(CLI::App* command, OperatorArguments& a) {
  command->add_flag("--json", a.json, "The answer as JSON");
  return command;
}

void argument(CLI::App* command, const std::string& name, std::string& into, const std::string& help,
              bool required = true) {
  command->add_option(name, into, help)->required(required)->type_name("");
}

void add_session(CLI::App& program, OperatorArguments& a) {
  auto* session = program.add_subcommand("session", "See and end sessions");
  session->require_subcommand(1);
  argument(with_json(add(*session, "list", "Sessions of a user, and which are connected", a), a), "USER", a.user,
           "Its id");
  auto* end = with_json(add(*session, "end", "End a session; its connections close", a), a);
  argument(end, "ID", a.session, "The session's id", false);
  end->add_option("--user", a.user, "All sessions of this user instead")->type_name("USER");
}

void add_connection(CLI::App& program, OperatorArguments& a) {
  auto* connection = program.add_subcommand("connection", "See connections");
  connection->require_subcommand(1);
  auto* list = with_json(add(*connection, "list", "Who is connected, or was until a while ago", a), a);
  argument(list, "USER", a.user, "Of one user", false);
  list->add_option("--sort", a.sort, "What there is most of comes first")
      ->type_name("NAME")
      ->check(CLI::IsMember({"age", "queue", "rtt", "bytes_in", "bytes_out", "channels"}));
  list->add_flag("--closed", a.closed, "Those that closed last, and why");
  list->add_option("--limit", a.limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

void add_store(CLI::App& program, OperatorArguments& a) {
  auto* store = program.add_subcommand("store", "Move the data to PostgreSQL; say that they were restored");
  store->require_subcommand(1);
  auto* copy = add(*store, "copy", "Copy a file of SQLite into an empty PostgreSQL database; no server may run", a);
  copy->add_option("--from", a.from, "sqlite:FILE; without it the configuration's store")->type_name("URL");
  copy->add_option("--to", a.to, "postgresql://…; without it the configuration's store")->type_name("URL");
  copy->add_flag("--dry-run", a.dry_run, "Read everything, look at the target, write nothing");
  add(*store, "restored", "After pg_restore, before the servers start: what was single-use counts as used", a);
  add(program, "migrate", "Bring the database's schema to this version's", a);
}

void add_user(CLI::App& program, OperatorArguments& a) {
  auto* user = program.add_subcommand("user", "See and change users");
  user->require_subcommand(1);
  argument(with_json(add(*user, "show", "What is known of a user", a), a), "ID", a.user, "Its id");
  argument(with_json(add(*user, "block", "No sign-in any more; all sessions end", a), a), "ID", a.user, "Its id");
  argument(with_json(add(*user, "unblock", "Sign-in is possible again", a), a), "ID", a.user, "Its id");
  argument(with_json(add(*user, "delete", "Remove a user with all that is personal", a), a), "ID", a.user, "Its id");
  auto* import = with_json(add(*user, "import", "Make or change users of a file", a), a);
  argument(import, "FILE", a.file, "JSON lines or CSV; - for standard input");
  import->add_option("--format", a.format, "jsonl or csv, instead of by the file's name")
      ->type_name("NAME")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  import->add_flag("--dry-run", a.dry_run, "Say what would be, and change nothing");
  argument(add(*user, "export", "All users as an import takes them, or all about one", a), "ID", a.user,
           "One user: with sessions and audit", false);
}

}  // namespace

void add_operator_commands(CLI::App& program, CLI::App& token, OperatorArguments& a) {
  add_session(program, a);
  add_connection(program, a);
  add_user(program, a);
  auto* mint = with_json(add(token, "mint", "Start a session for a user and show its access token", a), a);
  argument(mint, "USER", a.user, "Its id");
  mint->add_flag("--create", a.create, "Make the user where there is none");
  auto* publish = with_json(add(program, "publish", "Publish into a channel", a), a);
  argument(publish, "CHANNEL", a.channel, "Its name");
  argument(publish, "DATA", a.data, "JSON");
  auto* audit = with_json(add(program, "audit", "The newest rows of the audit log", a), a);
  argument(audit, "USER", a.user, "Of one user", false);
  audit->add_option("--kind", a.kinds, "Of this kind; may be repeated")->type_name("KIND")->allow_extra_args(false);
  audit->add_option("--limit", a.limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  with_json(add(program, "reload", "Take a new configuration, as SIGHUP does", a), a);
  argument(add(program, "backup", "Copy all data of the running server to a new file", a), "FILE", a.file, "Its name");
  argument(add(program, "restore", "Put a backup in place; the server must not run", a), "FILE", a.file, "The backup");
  add_store(program, a);
}

std::optional<int> run_operator_command(const CLI::App& program, const OperatorArguments& a, const Io& io) {
  const auto named = [&](std::initializer_list<const char*> names) {
    const CLI::App* at = &program;
    for (const char* name : names) at = at->get_subcommand(name);
    return at->parsed();
  };
  if (named({"session", "list"})) return do_session_list(a, io);
  if (named({"session", "end"})) return do_session_end(a, io);
  if (named({"connection", "list"})) return do_connection_list(a, io);
  if (named({"user", "show"})) return do_user_show(a, io);
  if (named({"user", "block"})) return do_user_block(a, true, io);
  if (named({"user", "unblock"})) return do_user_block(a, false, io);
  if (named({"user", "delete"})) return do_user_delete(a, io);
  if (named({"user", "import"})) return do_user_import(a, io);
  if (named({"user", "export"})) return do_user_export(a, io);
  if (named({"token", "mint"})) return do_token_mint(a, io);
  if (named({"publish"})) return do_publish(a, io);
  if (named({"audit"})) return do_audit(a, io);
  if (named({"reload"})) return do_reload(a, io);
  if (named({"backup"})) return do_backup(a, io);
  if (named({"restore"})) return do_restore(a, io);
  if (named({"store", "copy"})) return do_store_copy(a, io);
  if (named({"store", "restored"})) return do_store_restored(a, io);
  if (named({"migrate"})) return do_migrate(a, io);
  return std::nullopt;
}

}  // namespace gatecast::app
