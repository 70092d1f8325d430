#include "app/commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "app/actions.hpp"
#include "app/doctor.hpp"
#include "app/operator_line.hpp"
#include "server/config/table.hpp"

namespace gatecast::app {
namespace {

/// Where the arguments of all commands land.
struct Arguments {
  server::LoadOptions load{};
  bool strict = false;
  std::string algorithm = "EdDSA";
  std::string file{};
  std::string name{};
  std::string role = "view";
  bool now = false;
  std::vector<std::string> scopes{"publish"};
  std::string token{};
  std::string address{};
  std::vector<std::string> help{};
};

void take_config(CLI::App& command, Arguments& a) {
  command.add_option("--config", a.load.file, "Configuration file (TOML)")->type_name("FILE");
  command.add_flag("--dev", a.load.dev, "For developing: keys made in data.dir, pages on");
  command.add_option("--set", a.load.sets, "One key of the configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

CLI::App* add_doctor(CLI::App& program, DoctorArguments& a) {
  auto* doctor = program.add_subcommand("doctor", "What is wrong here, and the command or line that cures it");
  doctor->add_option("--config", a.load.file, "Configuration file (TOML)")->type_name("FILE");
  doctor->add_flag("--dev", a.load.dev, "The server runs with --dev");
  doctor->add_option("--set", a.load.sets, "One key of the configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  doctor->add_flag("--json", a.json, "The answer as JSON");
  doctor->add_flag("--strict", a.strict, "Exit with 3 where there are warnings");
  // An empty one is a variable of a script that was not set: nothing would be asked, and nothing found.
  doctor->add_option("--url", a.url, "Go through the proxy that clients use, and name its faults")
      ->type_name("URL")
      ->check([](const std::string& url) {
        // A password in it would be shown with what is said of the URL.
        const bool plain = !url.empty() && !url.contains('@');
        return std::string(plain ? "" : "a URL without a user name, such as https://app.example");
      });
  doctor->add_flag("--live", a.live, "A throw-away user signs in, connects, publishes, receives, ends");
  auto* offline = doctor->add_flag("--offline", a.offline, "Ask no other server");
  doctor->add_flag("--online", a.online, "Ask Telegram for the bots too")->excludes(offline);
  return doctor;
}

CLI::App* find(CLI::App& program, const std::vector<std::string>& names) {
  CLI::App* at = &program;
  for (const std::string& name : names) {
    auto named = at->get_subcommands([&](CLI::App* command) { return command->get_name() == name; });
    if (named.empty()) return nullptr;
    at = named.front();
  }
  return at;
}

/// A command there is none of; the nearest one is named.
int unknown(const CLI::App& program, const std::string& name, const Io& io) {
  std::string best;
  std::size_t best_distance = 3;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    std::size_t distance = server::edit_distance(name, command->get_name());
    if (distance < best_distance) best = command->get_name(), best_distance = distance;
  }
  io.err << "gatecast: no command " << name << "\n"
         << (best.empty() ? "Try: gatecast help\n" : fmt::format("Did you mean gatecast {}?\n", best));
  return kUsage;
}

/// CLI11 speaks by exceptions; none leaves this function.
int run_checked(const std::vector<std::string>& arguments, const Io& io) {
  Arguments a;
  a.load.environment = io.environment;
  CLI::App program{"gatecast: sign-in and real-time messages in one server.", "gatecast"};
  program.require_subcommand(1);
  program.get_formatter()->column_width(26);
  program.set_help_flag("-h,--help", "Say how to use a command");
  program.set_version_flag("--version", "gatecast " GATECAST_VERSION, "Show the version");

  auto* serve = program.add_subcommand("serve", "Run the server");
  take_config(*serve, a);

  auto* config = program.add_subcommand("config", "Check or show the configuration");
  config->require_subcommand(1);
  auto* check = config->add_subcommand("check", "Every value, where it came from, and what is wrong");
  take_config(*check, a);
  check->add_flag("--strict", a.strict, "Exit with 3 where there are warnings");
  auto* show = config->add_subcommand("show", "Every value and where it came from");
  take_config(*show, a);
  auto* defaults = config->add_subcommand("default", "A configuration file of all defaults");

  auto* keys = program.add_subcommand("keys", "Make or list token keys");
  keys->require_subcommand(1);
  auto* keys_new = keys->add_subcommand("new", "Make a key that signs access tokens");
  keys_new->add_option("--algorithm", a.algorithm, "EdDSA, ES256, RS256, HS256, HS384 or HS512")
      ->type_name("NAME")
      ->capture_default_str();
  keys_new->add_option("--out", a.file, "Write it to a new file (mode 0600) instead of showing it")->type_name("FILE");
  take_config(*keys_new, a);
  auto* keys_activate = keys->add_subcommand("activate", "Let a key of token.key_dir sign; the one before leaves");
  keys_activate->add_option("KID", a.name, "Its id, as keys list shows it")->required()->type_name("");
  take_config(*keys_activate, a);
  auto* keys_retire = keys->add_subcommand("retire", "Let a key of token.key_dir count no more");
  keys_retire->add_option("KID", a.name, "Its id, as keys list shows it")->required()->type_name("");
  keys_retire->add_flag("--now", a.now, "At once, whatever it signed: where it is in wrong hands");
  take_config(*keys_retire, a);
  auto* keys_list = keys->add_subcommand("list", "Keys of the configuration, by fingerprint");
  take_config(*keys_list, a);

  auto* apikey = program.add_subcommand("apikey", "Make keys of the server API");
  apikey->require_subcommand(1);
  auto* apikey_new = apikey->add_subcommand("new", "Make a key; it is shown once");
  apikey_new->add_option("NAME", a.name, "Who will use it")->required()->type_name("");
  apikey_new
      ->add_option(
          "--scope", a.scopes,
          "One of publish, presence, history, connections, users, sessions, mint, events, doctor, audit, grants, "
          "notify, all; may be repeated")
      ->type_name("SCOPE")
      ->allow_extra_args(false)
      ->capture_default_str();

  auto* people = program.add_subcommand("operator", "Make tokens for the operators' console");
  people->require_subcommand(1);
  auto* operator_new = people->add_subcommand("new", "Make a token; it is shown once");
  operator_new->add_option("NAME", a.name, "Who will use it; appears in the audit log")->required()->type_name("");
  operator_new->add_option("--role", a.role, "view: look; act: also disconnect, end, block")
      ->type_name("ROLE")
      ->capture_default_str();

  auto* token = program.add_subcommand("token", "Look at access tokens, or mint one");
  token->require_subcommand(1);
  auto* inspect = token->add_subcommand("inspect", "What a token says; with a configuration, whether it is good");
  inspect->add_option("TOKEN", a.token, "The token, or - to read it from standard input")->required()->type_name("");
  take_config(*inspect, a);

  auto* doctor = token->add_subcommand("doctor", "Everything that is wrong with a token, and what to do");
  doctor->add_option("TOKEN", a.token, "The token, or - to read it from standard input")->required()->type_name("");
  take_config(*doctor, a);

  DoctorArguments visit{.load = {.environment = io.environment}};
  auto* visits = add_doctor(program, visit);

  auto* health = program.add_subcommand("healthcheck", "Ask a running server whether it is well");
  take_config(*health, a);
  health->add_option("--address", a.address, "Its operators' port, instead of ops.address")->type_name("HOST:PORT");

  OperatorArguments operators{.load = {.environment = io.environment}};
  add_operator_commands(program, *token, operators);

  auto* version = program.add_subcommand("version", "Show the version");
  auto* help = program.add_subcommand("help", "Say how to use a command");
  help->add_option("COMMAND", a.help, "Its name")->type_name("");

  program.footer("Try it: gatecast serve --dev");
  if (!arguments.empty() && !arguments[0].starts_with('-') && find(program, {arguments[0]}) == nullptr) {
    return unknown(program, arguments[0], io);
  }
  try {
    // CLI11 takes the arguments from the back.
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    io.out << program.help();
    return kFine;
  } catch (const CLI::CallForVersion& e) {
    io.out << e.what() << "\n";
    return kFine;
  } catch (const CLI::ParseError& e) {
    // A command without its second word: its help says which there are.
    if (dynamic_cast<const CLI::RequiredError*>(&e) != nullptr && arguments.size() < 2) {
      io.err << program.help();
    } else {
      io.err << "gatecast: " << e.what() << "\nTry: gatecast help\n";
    }
    return kUsage;
  }

  if (auto done = run_operator_command(program, operators, io)) return *done;
  if (serve->parsed()) return do_serve(a.load, io);
  if (check->parsed()) return do_config_check(a.load, a.strict, io);
  if (show->parsed()) return do_config_show(a.load, io);
  if (keys_new->parsed()) {
    const bool managed = a.file.empty() && (a.load.dev || !a.load.file.empty() || !a.load.sets.empty());
    return managed ? do_keys_make(a.load, a.algorithm, io) : do_keys_new(a.algorithm, a.file, io);
  }
  if (keys_activate->parsed()) return do_keys_activate(a.load, a.name, io);
  if (keys_retire->parsed()) return do_keys_retire(a.load, a.name, a.now, io);
  if (keys_list->parsed()) return do_keys_list(a.load, io);
  if (operator_new->parsed()) return do_operator_new(a.name, a.role, io);
  if (apikey_new->parsed()) return do_apikey_new(a.name, a.scopes, io);
  if (inspect->parsed()) {
    bool verify = a.load.dev || !a.load.file.empty() || !a.load.sets.empty();
    return do_token_inspect(a.token, verify, a.load, io);
  }
  if (doctor->parsed()) return do_token_doctor(a.token, a.load, io);
  if (visits->parsed()) return do_doctor(visit, io);
  if (health->parsed()) return do_healthcheck(a.address, a.load, io);
  if (defaults->parsed()) io.out << server::render_default();
  if (version->parsed()) io.out << "gatecast " << GATECAST_VERSION << "\n";
  if (help->parsed()) {
    CLI::App* about = find(program, a.help);
    if (about == nullptr) return unknown(program, fmt::format("{}", fmt::join(a.help, " ")), io);
    std::string before = "gatecast";
    for (std::size_t i = 0; i + 1 < a.help.size(); ++i) before += " " + a.help[i];
    io.out << (about == &program ? about->get_formatter()->make_help(about, "gatecast", CLI::AppFormatMode::Normal)
                                 : about->help(before));
  }
  return kFine;
}

}  // namespace

int run_command(const std::vector<std::string>& arguments, const Io& io) {
  try {
    return run_checked(arguments, io);
  } catch (const std::exception& e) {
    io.err << "gatecast: " << e.what() << "\n";
    return kFailed;
  }
}

}  // namespace gatecast::app
