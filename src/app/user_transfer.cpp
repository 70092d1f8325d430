// `gatecast user import` and `gatecast user export`: users of a file into the running server, and out of it.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "app/actions.hpp"
#include "app/control_client.hpp"
#include "app/operators.hpp"
#include "app/user_file.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using server::JsonIn;
using server::JsonOut;

constexpr std::size_t kBatchUsers = 500;
constexpr std::size_t kBatchBytes = std::size_t{2} * 1024 * 1024;
constexpr std::size_t kRefusedShown = 20;

struct Refused {
  std::size_t line;
  std::string id, name, text;
};

/// Sends records in batches and keeps the account of what became of them.
class Import {
 public:
  Import(ControlClient& client, bool dry_run) : client_(client), dry_run_(dry_run) {}

  Result<void> add(UserRecord record) {
    ++seen;
    if (!record.problem.empty()) {
      ++refused;
      // They come in the file's order, so later ones would not be shown.
      if (refused_.size() < kRefusedShown)
        refused_.push_back({record.line, {}, "field_invalid", std::move(record.problem)});
      return {};
    }
    bytes_ += record.json.size();
    batch_.push_back(std::move(record));
    return batch_.size() >= kBatchUsers || bytes_ >= kBatchBytes ? flush() : Result<void>{};
  }

  Result<void> flush() {
    if (!batch_.empty()) {
      if (auto sent = send(); !sent) return sent;
    }
    // In the order of the file, whoever refused them.
    std::ranges::sort(refused_, {}, &Refused::line);
    for (auto& one : refused_) {
      if (shown.size() < kRefusedShown) shown.push_back(std::move(one));
    }
    refused_.clear();
    return {};
  }

  std::size_t seen = 0, created = 0, changed = 0, unchanged = 0, refused = 0;
  std::vector<Refused> shown;

 private:
  Result<void> send() {
    std::string users;
    for (const auto& record : batch_) {
      if (!users.empty()) users += ',';
      users += record.json;
    }
    auto answer =
        client_.call("user_upsert", JsonOut().raw("users", "[" + users + "]").boolean("dryRun", dry_run_).done());
    if (!answer) return answer.error();
    auto result = JsonIn::parse(*answer);
    if (!result) return fail(Errc::internal, "not an answer");
    created += figure(*result, "created");
    changed += figure(*result, "changed");
    unchanged += figure(*result, "unchanged");
    if (figure(*result, "refused") > 0) take_refused(*result);
    batch_.clear();
    bytes_ = 0;
    return {};
  }

  static std::size_t figure(const JsonIn& in, std::string_view name) {
    return static_cast<std::size_t>(in.optional_integer(name).value_or(std::nullopt).value_or(0));
  }

  void take_refused(const JsonIn& result) {
    auto items = result.items("results", batch_.size());
    if (!items) return;
    for (std::size_t i = 0; i < items->size(); ++i) {
      auto one = JsonIn::parse((*items)[i]);
      if (!one || !one->has("error")) continue;
      auto error = one->optional_object("error");
      if (!error) continue;
      auto text = error->optional_text("message").value_or("");
      if (const auto detail = error->optional_text("detail").value_or(""); !detail.empty()) text += ": " + detail;
      ++refused;
      refused_.push_back({batch_[i].line, one->optional_text("id").value_or(""),
                          error->optional_text("name").value_or(""), std::move(text)});
    }
  }

  ControlClient& client_;
  const bool dry_run_;
  std::vector<UserRecord> batch_;
  std::vector<Refused> refused_;  // since the last batch went out
  std::size_t bytes_ = 0;
};

/// The users read so far, on a terminal.
class Progress {
 public:
  explicit Progress(std::ostream& err) : err_(err), shown_(&err == &std::cerr && ::isatty(STDERR_FILENO) == 1) {}
  void at(std::size_t users) {
    if (shown_) err_ << fmt::format("\r{} users", users) << std::flush;
  }
  void end() {
    if (shown_) err_ << "\n";
  }

 private:
  std::ostream& err_;
  const bool shown_;
};

void report_json(const Import& import, std::ostream& out) {
  std::string lines;
  for (const auto& one : import.shown) {
    if (!lines.empty()) lines += ',';
    JsonOut line;
    line.number("line", one.line).text_if("id", one.id).text("name", one.name).text("detail", one.text);
    lines += line.done();
  }
  JsonOut json;
  json.number("users", import.seen).number("created", import.created).number("changed", import.changed);
  json.number("unchanged", import.unchanged).number("refused", import.refused).raw("lines", "[" + lines + "]");
  out << json.done() << "\n";
}

void report(const Import& import, bool dry_run, const Io& io) {
  io.out << fmt::format("{} users{}: {} created, {} changed, {} unchanged, {} refused\n", import.seen,
                        dry_run ? " (dry run)" : "", import.created, import.changed, import.unchanged, import.refused);
  for (const auto& one : import.shown) {
    io.err << fmt::format("  line {}{}: {}\n", one.line, one.id.empty() ? "" : " (" + plain(one.id) + ")",
                          plain(one.text));
  }
  if (import.refused > import.shown.size()) {
    io.err << fmt::format("  and {} more\n", import.refused - import.shown.size());
  }
}

}  // namespace

int do_user_import(const OperatorArguments& a, const Io& io) {
  std::ifstream opened;
  if (a.file != "-") {
    opened.open(a.file, std::ios::binary);
    if (!opened) return complain(fail(Errc::config_invalid, fmt::format("{}: cannot be read", a.file)), io);
  }
  std::istream& in = a.file == "-" ? std::cin : opened;
  const bool csv = a.format == "csv" || (a.format.empty() && a.file.ends_with(".csv"));
  Result<std::unique_ptr<UserFile>> file = csv ? read_csv(in) : Result<std::unique_ptr<UserFile>>(read_jsonl(in));
  if (!file) return complain(file.error(), io);
  auto client = ControlClient::connect(data_dir_of(a.load));
  if (!client) return complain(client.error(), io);

  Import import(*client, a.dry_run);
  Progress progress(io.err);
  Result<void> sent{};
  while (auto record = (*file)->next()) {
    const auto line = record->line;
    sent = import.add(std::move(*record));
    if (!sent) {
      io.err << fmt::format("gatecast: stopped at line {}; what was imported stays, a second run goes on\n", line);
      return complain(sent.error(), io);
    }
    if (import.seen % kBatchUsers == 0) progress.at(import.seen);
  }
  sent = import.flush();
  progress.end();
  if (!sent) return complain(sent.error(), io);
  if (a.json) {
    report_json(import, io.out);
  } else {
    report(import, a.dry_run, io);
  }
  return import.refused == 0 ? kFine : kFailed;
}

int do_user_export(const OperatorArguments& a, const Io& io) {
  auto client = ControlClient::connect(data_dir_of(a.load));
  if (!client) return complain(client.error(), io);
  if (!a.user.empty()) {
    auto answer = client->call("user_export", JsonOut().text("user", a.user).done());
    if (!answer) return complain(answer.error(), io);
    io.out << *answer << "\n";
    return kFine;
  }
  std::string after;
  for (;;) {
    auto answer = client->call("user_list", JsonOut().text("after", after).number("limit", 500).done());
    if (!answer) return complain(answer.error(), io);
    auto page = JsonIn::parse(*answer);
    auto users = page ? page->items("users", 500) : Result<std::vector<std::string_view>>(Errc::internal);
    if (!users) return complain(users.error(), io);
    for (const auto user : *users) io.out << user << "\n";
    after = page->optional_text("next").value_or("");
    if (after.empty()) return io.out.flush() ? kFine : kFailed;
  }
}

}  // namespace gatecast::app
