#include "server/config/table.hpp"
#include "server/config/tls.hpp"
#include "server/config/value.hpp"

namespace gatecast::server {
namespace {

/// The defaults, with one table in every array so that its members have theirs.
Config& defaults() {
  static Config config = [] {
    Config c;
    for (const ArrayRow& array : arrays()) array.resize(c, 1);
    return c;
  }();
  return config;
}

std::string_view leaf(std::string_view path) { return path.substr(path.rfind('.') + 1); }
std::string_view parent(std::string_view path) { return path.substr(0, path.rfind('.')); }

/// Calls `each(row)` for the rows that lie directly in the section or array.
void rows_in(std::string_view path, auto each) {
  for (const Row& row : rows()) {
    if (parent(row.path) == path) each(row);
  }
}

/// "1KB to 64MB", "json, text", "required"; "" where anything goes.
std::string limits_of(const Row& row) {
  Slot slot = row.at(defaults(), 0);
  std::string out;
  for (std::string_view rest = row.choices; !rest.empty();) {
    auto bar = std::min(rest.find('|'), rest.size());
    if (bar > 0) out += fmt::format("{}{}", out.empty() ? "" : ", ", rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  auto range = [&](auto format) { out = fmt::format("{} to {}", format(row.min), format(row.max)); };
  if (std::holds_alternative<Millis*>(slot)) range([](std::int64_t v) { return format_duration(Millis{v}); });
  if (std::holds_alternative<std::uint64_t*>(slot)) {
    range([](std::int64_t v) { return format_size(static_cast<std::uint64_t>(v)); });
  }
  if (std::holds_alternative<std::uint32_t*>(slot)) range([](std::int64_t v) { return std::to_string(v); });
  if (std::holds_alternative<double*>(slot)) {
    range([](std::int64_t v) { return fmt::format("{}", static_cast<double>(v) / 1000); });
  }
  if (row.required) out += out.empty() ? "required" : "; required";
  return out;
}

void default_section(std::string& out, std::string_view path, std::string_view help, bool array) {
  std::string body;
  rows_in(path, [&](const Row& row) {
    std::string limits = limits_of(row);
    std::string line = fmt::format("{}{} = {}", array ? "# " : "", leaf(row.path), show(row.at(defaults(), 0)));
    body += fmt::format("# {}{}\n{}\n", row.help, limits.empty() ? "" : fmt::format(" ({})", limits), line);
  });
  if (body.empty()) return;
  out +=
      array ? fmt::format("\n# {}\n# [[{}]]\n{}", help, path, body) : fmt::format("\n# {}\n[{}]\n{}", help, path, body);
}

void reference_section(std::string& out, std::string_view path, std::string_view help, bool array) {
  std::string body;
  rows_in(path, [&](const Row& row) {
    Slot slot = row.at(defaults(), 0);
    body += fmt::format("| `{}` | {} | `{}` | {} | {} |\n", leaf(row.path), type_name(slot), show(slot), limits_of(row),
                        row.help);
  });
  if (body.empty()) return;
  out += fmt::format("\n## `{}{}{}`\n\n{}\n\n| key | type | default | allowed | says |\n|---|---|---|---|---|\n{}",
                     array ? "[[" : "[", path, array ? "]]" : "]", help, body);
}

void each_group(std::string& out, auto section) {
  for (const SectionRow& row : sections()) {
    section(out, row.path, row.help, false);
    for (const ArrayRow& array : arrays()) {
      if (parent(array.path) == row.path && array.path != row.path) section(out, array.path, array.help, true);
    }
    if (row.path == "realtime") {
      const ArrayRow* array = find_array("namespace");
      section(out, array->path, array->help, true);
    }
    if (row.path == "limits") {
      const ArrayRow* array = find_array("webhook");
      section(out, array->path, array->help, true);
    }
  }
}

std::string origin_of(const Loaded& loaded, const std::string& key, const std::string& array) {
  auto at = loaded.origins.find(key);
  if (at != loaded.origins.end()) return at->second;
  // Keys that --dev made were never written anywhere.
  auto of_array = loaded.origins.find(array);
  return of_array != loaded.origins.end() && of_array->second == "--dev" ? "--dev" : "default";
}

std::string fingerprint_of(const Config& c, std::string_view array, std::size_t i) {
  if (array == "token.key") return c.token.keys[i].fingerprint;
  if (array == "session.key") return c.session.keys[i].fingerprint;
  if (array == "api.key") return c.api_keys[i].fingerprint;
  if (array == "ops.operator") return c.ops.operators[i].fingerprint;
  return "";
}

}  // namespace

std::string_view name(Finding::Level level) {
  switch (level) {
    case Finding::Level::note: return "note";
    case Finding::Level::warning: return "warning";
    case Finding::Level::error: break;
  }
  return "error";
}

std::string render_findings(const std::vector<Finding>& findings) {
  std::string out;
  for (Finding::Level level : {Finding::Level::error, Finding::Level::warning, Finding::Level::note}) {
    for (const Finding& f : findings) {
      if (f.level != level) continue;
      out += fmt::format("{:<8} {}{}{}: {}\n", name(level), f.where, f.key.empty() ? "" : ": ", f.key, f.text);
      if (!f.cure.empty()) out += fmt::format("         {}\n", f.cure);
    }
  }
  return out;
}

std::vector<ShownValue> shown_values(const Loaded& loaded) {
  // A copy, because the table's accessors hand out places to write to.
  Config config = loaded.config;
  std::vector<ShownValue> lines;
  for (const Row& row : rows()) {
    const ArrayRow* array = array_of(row.path);
    if (array != nullptr) continue;
    lines.push_back({std::string(row.path), show(row.at(config, 0)), origin_of(loaded, std::string(row.path), "")});
  }
  for (const ArrayRow& array : arrays()) {
    for (std::size_t i = 0; i < array.size(config); ++i) {
      rows_in(array.path, [&](const Row& row) {
        std::string key = fmt::format("{}[{}].{}", array.path, i, leaf(row.path));
        lines.push_back({key, show(row.at(config, i)), origin_of(loaded, key, std::string(array.path))});
      });
      std::string print = fingerprint_of(config, array.path, i);
      if (!print.empty()) lines.push_back({fmt::format("{}[{}] fingerprint", array.path, i), print, "derived"});
    }
  }
  for (const auto& [port, tls] : {std::pair{"http.tls", &config.http.tls}, {"ops.tls", &config.ops.tls}}) {
    if (!tls->on()) continue;
    for (auto& [what, value] : describe_tls(*tls)) {
      lines.push_back({fmt::format("{} {}", port, what), std::move(value), "derived"});
    }
  }
  return lines;
}

std::string render_show(const Loaded& loaded) {
  const auto lines = shown_values(loaded);
  constexpr std::size_t kMaxColumn = 40;
  std::size_t keys = 0, values = 0;
  for (const ShownValue& line : lines) {
    keys = std::max(keys, line.key.size());
    if (line.value.size() <= kMaxColumn) values = std::max(values, line.value.size());
  }
  std::string out;
  for (const ShownValue& line : lines) {
    out += fmt::format("{:<{}}  {:<{}}  {}\n", line.key, keys, line.value, values, line.origin);
  }
  return out;
}

std::string render_default() {
  std::string out =
      "# gatecast: every key with its default. Keep what you change; a key left out has its default.\n"
      "# Durations: \"30s\", \"5m\", \"12h\", \"30d\". Sizes: 65536, \"64KB\" (1024 bytes), \"8MB\".\n"
      "# include = [\"base.toml\"] at the top reads other files first.\n";
  each_group(out, default_section);
  return out;
}

std::string render_reference() {
  std::string out =
      "# Configuration\n\n<!-- Generated from src/server/config/table.cpp. Do not edit. -->\n\n"
      "Later sources win: defaults, the file of `--config`, the environment, `--set KEY=VALUE`.\n\n"
      "- File: TOML. `include = [\"base.toml\"]` at its top reads other files first; paths are relative to the file "
      "that\n"
      "  names them. A list or an array of tables replaces the earlier one as a whole.\n"
      "- Environment: `http.address` is `GATECAST_HTTP__ADDRESS`, two underscores between levels. Lists and tables "
      "are\n"
      "  JSON: `GATECAST_SESSION__KEY='[{\"secret\":\"…\"}]'`.\n"
      "- Flags: `--set http.address=0.0.0.0:3002`; lists and tables are JSON.\n"
      "- Durations are `\"250ms\"`, `\"30s\"`, `\"5m\"`, `\"12h\"`, `\"30d\"`; sizes `65536`, `\"64KB\"` (1024 bytes), "
      "`\"8MB\"`.\n\n"
      "Unknown keys and variables are errors. `gatecast config check` says what is wrong and where, `config show` "
      "every\n"
      "value and where it came from, `config default` prints a file to start from. Secrets are shown as fingerprints: "
      "the\n"
      "first 8 bytes of their SHA-256.\n\n"
      "`--dev` makes keys in `data.dir` (`dev-token-key.pem`, `dev-session.key`, `dev-api.key`, `dev-operator.key`),\n"
      "turns on pages and Solana sign-in for the server's own port on localhost, opens channels without a namespace\n"
      "and of `chat`, with a history of ten minutes, to signed-in clients, and lets weak secrets and\n"
      "`realtime.insecure` pass with a warning. Without it nothing is made and both are errors.\n";
  each_group(out, reference_section);
  return out;
}

}  // namespace gatecast::server
