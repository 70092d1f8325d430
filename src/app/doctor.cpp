#include "app/doctor.hpp"

#include <ostream>

#include "app/actions.hpp"
#include "core/lock_file.hpp"
#include "server/checks/check_config.hpp"
#include "server/checks/check_host.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using namespace server;

void append(Checks& to, Checks more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// What only the running process knows: its state, and the limits that it was started with.
Checks of_server(const Checks& all) {
  Checks out;
  for (const auto& check : all) {
    const auto* row = std::ranges::find(kChecks, check.id, &CheckRow::id);
    if (row->group == CheckGroup::running || check.id == "limits.descriptors" || check.id == "limits.memory") {
      out.push_back(check);
    }
  }
  return out;
}

/// Asks the server that runs on the data folder; where it answers nothing, who holds the folder is named.
Checks ask_server(std::optional<ControlClient>& control, const std::string& data_dir) {
  if (control) {
    const auto answer = control->call("checks", "{}");
    const auto result = answer ? JsonIn::parse(*answer) : Result<JsonIn>(answer.error());
    if (result) {
      auto checks = of_server(read_checks(result->raw("checks")));
      checks.insert(checks.begin(), check_ok("data.lock", "held by the running server"));
      return checks;
    }
    return {check_fail("data.lock", fmt::format("the control socket answers no check: {}", result.error().detail))};
  }
  if (const auto holder = lock_holder(data_dir + "/lock")) {
    return {check_fail("data.lock",
                       fmt::format("{}/lock is held by {}, and nothing answers at gatecast.sock", data_dir, *holder))};
  }
  return {check_ok("data.lock", "free"), check_skip("server.running", "no server runs on this data folder")};
}

/// Only a URL was given: there is no configuration here to judge.
bool url_alone(const DoctorArguments& a) {
  if (a.url.empty() || !a.load.file.empty() || a.load.dev || !a.load.sets.empty()) return false;
  return std::ranges::none_of(a.load.environment, [](const auto& v) { return v.first.starts_with("GATECAST_"); });
}

int show(Checks checks, const DoctorArguments& a, const Io& io) {
  sort_by_need(checks);
  if (a.json) {
    JsonOut out;
    out.raw("checks", checks_json(checks));
    for (const auto level : {CheckLevel::fail, CheckLevel::warn, CheckLevel::ok, CheckLevel::skip}) {
      out.number(name(level), count(checks, level));
    }
    io.out << out.done() << "\n";
  } else {
    io.out << render_checks(checks);
  }
  if (count(checks, CheckLevel::fail) != 0) return kFailed;
  return a.strict && count(checks, CheckLevel::warn) != 0 ? kWarned : kFine;
}

}  // namespace

void Doctor::progress(std::string_view what) const {
  if (!arguments.json) io.err << fmt::format("… {}\n", what) << std::flush;
}

int do_doctor(const DoctorArguments& given, const Io& io) {
  DoctorArguments a = given;
  while (a.url.ends_with('/')) a.url.pop_back();
  LoadOptions quiet = a.load;
  quiet.make_dev_keys = false;
  const Loaded loaded = load(quiet);
  const auto& config = loaded.config;
  std::optional<ControlClient> control;
  const Doctor doctor{.config = config, .arguments = a, .control = control, .io = io};

  Checks checks;
  if (!url_alone(a)) {
    if (auto client = ControlClient::connect(config.data.dir)) control.emplace(*std::move(client));
    const auto now = SystemClock{}.wall();
    checks = check_findings(loaded);
    append(checks, check_values(config));
    append(checks, check_keys(config, now));
    auto server = ask_server(control, config.data.dir);
    auto host = check_host(config, look_at_host(config, now, control.has_value()));
    if (control) {
      std::erase_if(host, [](const Check& c) { return c.id == "limits.descriptors" || c.id == "limits.memory"; });
    }
    append(checks, std::move(host));
    append(checks, check_store(doctor));
    append(checks, std::move(server));
    if (!a.offline) append(checks, check_network(doctor));
  }
  if (!a.url.empty()) append(checks, check_proxy(doctor));
  if (a.live) append(checks, check_live(doctor));
  return show(std::move(checks), a, io);
}

}  // namespace gatecast::app
