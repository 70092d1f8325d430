// `gatecast token doctor`: the token, against the keys of a configuration and the secrets of the environment.
#include <iostream>

#include "app/actions.hpp"
#include "app/control_client.hpp"
#include "app/operators.hpp"
#include "server/checks/doctor_input.hpp"
#include "server/config/keys.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "token/doctor.hpp"

namespace gatecast::app {
namespace {

constexpr std::size_t kFindingsMax = 1000;

/// Variables in which applications keep the secret they sign with.
constexpr std::string_view kVariables[] = {"JWT_SECRET", "NEXTAUTH_SECRET", "AUTH_SECRET", "SUPABASE_JWT_SECRET",
                                           "GATECAST_TOKEN_SECRET"};

std::string_view label(token::Finding::Verdict verdict) {
  switch (verdict) {
    case token::Finding::Verdict::ok: return "ok";
    case token::Finding::Verdict::warn: return "warn";
    case token::Finding::Verdict::wrong: return "wrong";
  }
  return "";
}

/// Asks the server that runs on the configuration's data folder, which also knows the session; nothing where none runs.
std::optional<int> ask_server(const std::string& text, const server::LoadOptions& options, const Io& io) {
  auto client = ControlClient::connect(data_dir_of(options));
  if (!client) return std::nullopt;
  auto answer = client->call("token_doctor", server::JsonOut().text("token", text).done());
  auto result = answer ? server::JsonIn::parse(*answer) : Result<server::JsonIn>(answer.error());
  auto findings =
      result ? result->items("findings", kFindingsMax) : Result<std::vector<std::string_view>>(result.error());
  if (!findings) return complain(findings.error(), io);
  for (const auto item : *findings) {
    const auto finding = server::JsonIn::parse(item);
    if (!finding) continue;
    const auto text_of = [&finding](std::string_view name) { return finding->optional_text(name).value_or(""); };
    io.out << fmt::format("{:<6} {}: {}\n", text_of("verdict"), text_of("id"), text_of("text"));
    if (const auto cure = text_of("cure"); !cure.empty()) io.out << fmt::format("       {}\n", cure);
  }
  const bool good = result->optional_bool("good").value_or(std::nullopt).value_or(false);
  if (good) io.out << "Nothing is wrong with the token, and its session stands, says the running server.\n";
  return good ? kFine : kFailed;
}

}  // namespace

int do_token_doctor(const std::string& argument, const server::LoadOptions& options, const Io& io) {
  std::string text = argument;
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (auto asked = ask_server(text, options, io)) return *asked;
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  // A configuration with faults may still hold the keys that explain the token.
  const server::Config config = server::load(quiet).config;
  const auto ring = server::make_key_ring(config);
  token::DoctorInput input = server::make_doctor_input(config, SystemClock{}.wall());
  if (ring) input.ring = &*ring;
  input.now = SystemClock{}.wall();
  for (const auto& [name, value] : io.environment) {
    const bool known = std::find(std::begin(kVariables), std::end(kVariables), name) != std::end(kVariables);
    if (known && !value.empty()) input.secrets.push_back({name, Secret(value)});
  }
  if (!ring) io.out << "warn   keys: none of this configuration could be read, so signatures of ours are not checked\n";

  bool fine = true;
  for (const token::Finding& finding : token::examine(text, input)) {
    fine = fine && finding.verdict != token::Finding::Verdict::wrong;
    io.out << fmt::format("{:<6} {}: {}\n", label(finding.verdict), finding.id, finding.text);
    if (!finding.cure.empty()) io.out << fmt::format("       {}\n", finding.cure);
  }
  if (fine)
    io.out << "Nothing is wrong with the token; whether its session still stands only the running server knows.\n";
  return fine ? kFine : kFailed;
}

}  // namespace gatecast::app
