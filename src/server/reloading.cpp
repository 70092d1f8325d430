#include "server/reloading.hpp"

#include <unistd.h>

#include <csignal>
#include <future>
#include <map>

#include "metrics/registry.hpp"
#include "server/config/difference.hpp"
#include "server/config/keys.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

// A longer field is cut by the log.
constexpr std::size_t kFieldBytes = 250;

log::Level level_of(std::string_view name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  return name == "error" ? log::Level::error : log::Level::info;
}

ReloadReport refused(const Error& error) {
  const auto& code = info(error.code);
  Finding finding;
  finding.text = error.detail.empty() ? std::string(code.message) : fmt::format("{}: {}", code.message, error.detail);
  finding.cure = code.cure;
  ReloadReport report;
  report.findings.push_back(std::move(finding));
  return report;
}

void tell(const ReloadReport& report) {
  for (const auto& f : report.findings) {
    const bool error = f.level == Finding::Level::error;
    const bool note = f.level == Finding::Level::note;
    log::write(error  ? log::Level::error
               : note ? log::Level::info
                      : log::Level::warn,
               error ? "reload" : "config", {{"key", f.key}, {"where", f.where}, {"detail", f.text}, {"cure", f.cure}});
  }
  auto changed = fmt::format("{}", fmt::join(report.changed, "; "));
  if (changed.size() > kFieldBytes) {
    for (const auto& one : report.changed) log::info("reload", {{"changed", one}});
    changed = fmt::format("{} changes", report.changed.size());
  }
  log::write(report.taken ? log::Level::info : log::Level::error, "reload",
             {{"outcome", report.taken ? "taken" : "refused: nothing has changed"},
              {"changed", changed},
              {"needs_restart", fmt::format("{}", fmt::join(report.restart, ", "))}});
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ',';
    protocol::append_json_text(out, text);
  }
  return out + ']';
}

}  // namespace

log::Options log_options(const Config& config) {
  return {.dir = config.log.dir,
          .json = config.log.format == "json",
          .level = level_of(config.log.level),
          .retention_days = config.log.retention_days,
          .file_bytes = config.log.file_bytes,
          .burst = config.limits.log_burst};
}

session::SessionKeyList session_key_list(const Config& config) {
  session::SessionKeyList keys;
  for (const auto& key : config.session.keys) keys.push_back({.id = key.id, .secret = key.material});
  return keys;
}

Result<std::unique_ptr<token::TrustedVerifier>> make_trusted_verifier(const Config& config,
                                                                      outbound::Outbound* outbound, const Clock& clock,
                                                                      const token::TrustedVerifier* former) {
  std::vector<token::TrustedIssuer> issuers;
  for (const auto& trusted : config.token.trusted) {
    auto issuer = make_trusted_issuer(config, trusted);
    if (!issuer) return std::move(issuer.error());
    issuers.push_back(*std::move(issuer));
  }
  return token::TrustedVerifier::make(std::move(issuers), config.token.issuer, outbound, clock, former);
}

std::string reload_json(const ReloadReport& report) {
  std::string findings = "[";
  for (const auto& f : report.findings) {
    if (findings.size() > 1) findings += ',';
    findings += JsonOut()
                    .text("level", name(f.level))
                    .text_if("where", f.where)
                    .text_if("key", f.key)
                    .text("text", f.text)
                    .text_if("cure", f.cure)
                    .done();
  }
  return JsonOut()
      .boolean("taken", report.taken)
      .raw("changed", list_of(report.changed))
      .raw("restart", list_of(report.restart))
      .raw("findings", findings + ']')
      .done();
}

std::string config_json(const Loaded& loaded, const Loaded* started, const std::vector<std::string>& restart) {
  std::map<std::string, ShownValue, std::less<>> before;
  if (started != nullptr) {
    for (auto& value : shown_values(*started)) before.emplace(value.key, std::move(value));
  }
  const auto waits = [&restart](std::string_view key) {
    return std::ranges::any_of(restart, [key](std::string_view path) {
      if (!key.starts_with(path)) return false;
      const auto rest = key.substr(path.size());
      return rest.empty() || rest.front() == '.' || rest.front() == '[' || rest.front() == ' ';
    });
  };
  std::string values;
  for (const auto& value : shown_values(loaded)) {
    JsonOut out;
    out.text("key", value.key);
    const auto at = before.find(value.key);
    const bool held = at != before.end() && at->second.value != value.value && waits(value.key);
    out.text("value", held ? at->second.value : value.value).text("from", held ? at->second.origin : value.origin);
    if (held) out.text("waits", value.value);
    if (!values.empty()) values += ',';
    values += out.done();
  }
  return JsonOut().raw("values", "[" + values + "]").done();
}

ReloadReport Reloading::run(const LoadOptions& options) {
  // Who asks while this one runs has raised the signal again.
  auto asked = waiting();
  Loaded loaded = load(options);
  ReloadReport report;
  if (loaded.ok()) {
    auto taken = take(loaded.config);
    report = taken ? std::move(*taken) : refused(taken.error());
    if (report.taken) {
      auto shown = std::make_unique<const std::string>(config_json(loaded, &parts_.started, report.restart));
      shown_.replace(std::move(shown), parts_.clock.steady());
    }
  }
  for (auto& finding : loaded.findings) report.findings.push_back(std::move(finding));
  metrics::count<"reloads_total">(report.taken ? metrics::Outcome::ok : metrics::Outcome::refused);
  tell(report);
  for (auto& resume : asked) resume(report);
  return report;
}

Result<ReloadReport> Reloading::take(const Config& fresh) {
  // What may still go wrong comes first.
  auto settings = Settings::make(fresh, parts_.clock.wall());
  if (!settings) return settings.error();
  auto trusted = make_trusted(fresh);
  if (!trusted) return trusted.error();
  if (parts_.certificates) {
    if (auto read = parts_.certificates(fresh); !read) return read.error();
  }
  std::string problem;
  // Opened anew even where nothing changed: the file may have been moved away.
  if (!log::open_log(log_options(fresh), problem)) {
    return fail(Errc::config_invalid, fmt::format("log.dir: {}", problem));
  }
  if (auto keyed = parts_.sessions.take_keys(session_key_list(fresh)); !keyed) return keyed.error();

  ReloadReport report{.taken = true};
  auto differing = difference(parts_.started.config, taken_, fresh);
  report.changed = difference(parts_.settings.get().ring, (*settings)->ring);
  report.changed.insert(report.changed.end(), differing.changed.begin(), differing.changed.end());
  report.restart = std::move(differing.restart);

  const Settings& next = **settings;
  parts_.settings.replace(std::move(*settings), parts_.clock.steady());
  parts_.verifier.use(next.ring);
  parts_.issuer.use(next.ring);
  parts_.namespaces.use(next.namespaces);
  take_trusted(std::move(*trusted));
  taken_ = fresh;
  if (parts_.taken) parts_.taken(fresh);
  return report;
}

/// On the loop that fetches their key sets, since the former ones are asked for theirs.
Result<std::unique_ptr<token::TrustedVerifier>> Reloading::make_trusted(const Config& fresh) {
  std::promise<Result<std::unique_ptr<token::TrustedVerifier>>> made;
  parts_.home.post_control([this, &fresh, &made] {
    made.set_value(make_trusted_verifier(fresh, parts_.outbound, parts_.clock, &parts_.trusted.get()));
  });
  return made.get_future().get();
}

void Reloading::take_trusted(std::unique_ptr<token::TrustedVerifier> next) {
  std::promise<void> stopped;
  parts_.home.post_control([this, &next, &stopped] {
    auto& former = parts_.trusted.get();
    auto& successor = *next;
    successor.start(*Loop::current());
    parts_.trusted.replace(std::move(next), parts_.clock.steady());
    parts_.sessions.take_trusted(&successor);
    // Ends when a fetch for an issuer that is gone has ended, in seconds.
    spawn(former.stop(&successor), [&stopped] { stopped.set_value(); });
  });
  stopped.get_future().get();
}

Task<ReloadReport> Reloading::ask() {
  co_return co_await arrival<ReloadReport>([this](Resume<ReloadReport> resume) {
    {
      std::lock_guard lock(mutex_);
      if (!closed_) {
        waiting_.push_back(std::move(resume));
        ::kill(::getpid(), SIGHUP);
        return;
      }
    }
    resume(refused(fail(Errc::temporarily_unavailable, "the server stops")));
  });
}

std::vector<Resume<ReloadReport>> Reloading::waiting() {
  std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void Reloading::close() {
  std::vector<Resume<ReloadReport>> asked;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    asked.swap(waiting_);
  }
  for (auto& resume : asked) resume(refused(fail(Errc::temporarily_unavailable, "the server stops")));
}

}  // namespace gatecast::server
