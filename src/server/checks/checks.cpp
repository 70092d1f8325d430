#include "server/checks/checks.hpp"

#include <algorithm>

#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kReadMax = 1000;
constexpr CheckLevel kByNeed[] = {CheckLevel::fail, CheckLevel::warn, CheckLevel::ok, CheckLevel::skip};

Check make(CheckId id, CheckLevel level, std::string seen, std::string cure) {
  const auto& row = kChecks[id.index];
  const bool bad = level == CheckLevel::warn || level == CheckLevel::fail;
  if (bad && cure.empty()) cure = row.cure;
  return {.id = row.id, .level = level, .seen = std::move(seen), .cure = std::move(cure)};
}

std::string_view title(CheckGroup group) {
  switch (group) {
    case CheckGroup::configuration: return "Configuration";
    case CheckGroup::keys: return "Keys and certificates";
    case CheckGroup::machine: return "This machine";
    case CheckGroup::store: return "Store";
    case CheckGroup::running: return "The running server";
    case CheckGroup::network: return "Other servers";
    case CheckGroup::proxy: return "What stands before it (`--url`)";
    case CheckGroup::live: return "A session from end to end (`--live`)";
  }
  return "";
}

std::string counted(std::size_t n, std::string_view what) { return fmt::format("{} {}", n, what); }

}  // namespace

std::string_view name(CheckLevel level) {
  switch (level) {
    case CheckLevel::ok: return "ok";
    case CheckLevel::warn: return "warn";
    case CheckLevel::fail: return "fail";
    case CheckLevel::skip: return "skip";
  }
  return "";
}

Check check_ok(CheckId id, std::string seen) { return make(id, CheckLevel::ok, std::move(seen), {}); }
Check check_skip(CheckId id, std::string why) { return make(id, CheckLevel::skip, std::move(why), {}); }
Check check_warn(CheckId id, std::string seen, std::string cure) {
  return make(id, CheckLevel::warn, std::move(seen), std::move(cure));
}
Check check_fail(CheckId id, std::string seen, std::string cure) {
  return make(id, CheckLevel::fail, std::move(seen), std::move(cure));
}

std::size_t count(std::span<const Check> checks, CheckLevel level) {
  return static_cast<std::size_t>(std::ranges::count(checks, level, &Check::level));
}

void sort_by_need(Checks& checks) {
  Checks sorted;
  sorted.reserve(checks.size());
  for (const auto level : kByNeed) {
    for (auto& check : checks) {
      if (check.level == level) sorted.push_back(std::move(check));
    }
  }
  checks = std::move(sorted);
}

std::string render_checks(std::span<const Check> checks) {
  std::string out;
  for (const auto& check : checks) {
    const auto took = check.ms ? fmt::format(" ({:.1f} ms)", *check.ms) : "";
    out += fmt::format("{:<5} {:<20} {}{}\n", name(check.level), check.id, check.seen, took);
    if (!check.cure.empty()) out += fmt::format("{:<5} {:<20} cure: {}\n", "", "", check.cure);
  }
  out += fmt::format("\n{}, {}, {}, {}.\n", counted(count(checks, CheckLevel::fail), "failed"),
                     counted(count(checks, CheckLevel::warn), "to look at"),
                     counted(count(checks, CheckLevel::ok), "fine"),
                     counted(count(checks, CheckLevel::skip), "not looked at"));
  return out;
}

std::string checks_json(std::span<const Check> checks) {
  std::string out = "[";
  for (const auto& check : checks) {
    if (out.size() > 1) out += ',';
    JsonOut one;
    one.text("id", check.id).text("level", name(check.level)).text("seen", check.seen).text_if("cure", check.cure);
    if (check.ms) one.number("ms", *check.ms);
    out += one.done();
  }
  return out + ']';
}

Checks read_checks(std::string_view json_list) {
  Checks out;
  const auto whole = JsonOut().raw("checks", json_list).done();
  const auto in = JsonIn::parse(whole);
  const auto items = in ? in->items("checks", kReadMax) : Result<std::vector<std::string_view>>(in.error());
  if (!items) return out;
  for (const auto item : *items) {
    const auto object = JsonIn::parse(item);
    if (!object) continue;
    const auto text = [&object](std::string_view of) { return object->optional_text(of).value_or(""); };
    const auto row = std::ranges::find(kChecks, std::string_view(text("id")), &CheckRow::id);
    const auto level = std::ranges::find(kByNeed, std::string_view(text("level")), [](auto l) { return name(l); });
    if (row == std::end(kChecks) || level == std::end(kByNeed)) continue;
    out.push_back({.id = row->id, .level = *level, .seen = text("seen"), .cure = text("cure")});
  }
  return out;
}

std::string render_check_reference() {
  std::string out =
      "# Doctor\n\n"
      "<!-- Generated from src/server/checks/checks_table.hpp. Do not edit. -->\n\n"
      "`gatecast doctor --config FILE` looks at everything it can reach by itself, and asks the server that runs on "
      "the "
      "data\nfolder for the rest. What fails stands first; a line says what was seen, the next what cures it. Without "
      "`--live` and\n`--url` nothing is changed.\n\n"
      "| option | |\n|---|---|\n"
      "| `--config FILE`, `--dev`, `--set` | the server's configuration, as `serve` takes it |\n"
      "| `--json` | `{checks:[{id, level, seen, cure?, ms?}], fail, warn, ok, skip}`; `level` is `ok`, `warn`, `fail` "
      "or "
      "`skip` |\n"
      "| `--strict` | exit with 3 where something is to be looked at |\n"
      "| `--offline` | ask no other server |\n"
      "| `--online` | also ask Telegram whether it knows the bots (`getMe`) |\n"
      "| `--url URL` | go through a proxy, and name its faults; waits for pings of a WebSocket, at most twice "
      "`realtime.ping` |\n"
      "| `--live` | a throw-away user signs in, connects, publishes, receives, ends its session, sees the close with "
      "4501, "
      "and is deleted |\n\n"
      "Exit code: 0 nothing fails, 1 something does, 3 with `--strict` where there are warnings.\n\n"
      "A server makes those of the configuration, the keys and the machine at its start too, and logs what is not fine "
      "as\nevent `check`. The console and the method `checks` of the server API (scope `doctor`) show them with those "
      "of "
      "its own\nstate.\n\n"
      "`--live` and `--url` make a throw-away user: by a fresh Solana key, or, where `signin.solana` is off or "
      "registration is not\nopen, over the control socket, and the line says which. It is deleted in the end; where no "
      "control socket is at hand its\nsession is ended, and the line says who remains. The application's webhooks hear "
      "of "
      "it as of any other user.\n\n"
      "Whether a proxy is trusted only the server can say: run the doctor with `--url` on its machine. From elsewhere, "
      "without a\nconfiguration, it judges the rest.\n";
  std::optional<CheckGroup> group;
  for (const auto& row : kChecks) {
    if (group != row.group) {
      group = row.group;
      out += fmt::format("\n## {}\n\n| check | what it means | cure |\n|---|---|---|\n", title(row.group));
    }
    std::string cure(row.cure);
    for (std::size_t at = 0; (at = cure.find('|', at)) != std::string::npos; at += 2) cure.insert(at, "\\");
    out += fmt::format("| `{}` | {} | {} |\n", row.id, row.means, cure);
  }
  return out;
}

}  // namespace gatecast::server
