// Commands over the keys of token.key_dir. What they change counts from the server's next start.
#include "app/actions.hpp"
#include "core/time_text.hpp"
#include "server/config/keys.hpp"
#include "token/key_folder.hpp"

namespace gatecast::app {
namespace {

/// The configuration as far as it goes: keys are made before there is one that can start.
server::Config config_of(const server::LoadOptions& options) {
  server::LoadOptions quiet = options;
  quiet.make_dev_keys = false;
  return server::load(quiet).config;
}

int refuse(const Error& error, const Io& io) {
  io.err << fmt::format("gatecast: {}\n", error.detail.empty() ? info(error.code).message : error.detail);
  return kFailed;
}

Result<token::KeyFolder> folder_of(const server::Config& config) {
  if (config.token.key_dir.empty()) {
    return fail(Errc::config_invalid, "token.key_dir is empty: keys are those of [[token.key]]");
  }
  return token::KeyFolder::open(config.token.key_dir);
}

std::chrono::seconds access_ttl(const server::Config& config) {
  auto longest = config.token.access_ttl;
  for (const auto& variant : config.session.variants) longest = std::max(longest, variant.access_ttl);
  return std::chrono::ceil<std::chrono::seconds>(longest);
}

}  // namespace

int do_keys_make(const server::LoadOptions& options, const std::string& algorithm_name, const Io& io) {
  const auto algorithm = token::algorithm_from_name(algorithm_name);
  if (!algorithm) {
    io.err << fmt::format("gatecast: no algorithm {}; one of EdDSA, ES256, RS256, HS256, HS384, HS512\n",
                          algorithm_name);
    return kUsage;
  }
  const server::Config config = config_of(options);
  auto folder = folder_of(config);
  if (!folder) return refuse(folder.error(), io);
  const auto made = folder->add(*algorithm);
  if (!made) return refuse(made.error(), io);
  io.out << fmt::format(
      "{}\nA new {} key waits in {}, fingerprint {}.\nStart the servers again, so that they publish it; once nobody "
      "holds an older key set: gatecast keys activate {}\n",
      made->kid, token::name(made->algorithm), config.token.key_dir, made->fingerprint, made->kid);
  return kFine;
}

int do_keys_activate(const server::LoadOptions& options, const std::string& kid, const Io& io) {
  const server::Config config = config_of(options);
  auto folder = folder_of(config);
  if (!folder) return refuse(folder.error(), io);
  if (auto done = folder->activate(kid, SystemClock{}.wall(), access_ttl(config)); !done) {
    return refuse(done.error(), io);
  }
  io.out << fmt::format("{} signs from the next start on.\n", kid);
  for (const auto& key : folder->keys()) {
    if (key.state != token::KeyState::leaving) continue;
    io.out << fmt::format("{} verifies until {}.\n", key.kid, format_rfc3339(*key.use_until));
  }
  if (!config.token.keys.empty()) {
    io.err << "gatecast: [[token.key]] is configured and goes first: it signs until it is removed.\n";
  }
  return kFine;
}

int do_keys_retire(const server::LoadOptions& options, const std::string& kid, bool at_once, const Io& io) {
  const server::Config config = config_of(options);
  auto folder = folder_of(config);
  if (!folder) return refuse(folder.error(), io);
  if (auto done = folder->retire(kid, at_once, SystemClock{}.wall(), access_ttl(config)); !done) {
    return refuse(done.error(), io);
  }
  io.out << fmt::format("{} {}\n", kid,
                        at_once ? "counts for nothing from the next start on: restart every server now."
                                : "leaves; see gatecast keys list.");
  if (at_once && config.token.keys.empty() && !folder->signs()) {
    io.err << "gatecast: no key signs now: gatecast keys activate another before the start.\n";
  }
  return kFine;
}

void list_managed_keys(const server::Config& config, const Io& io) {
  auto folder = folder_of(config);
  if (!folder) return;
  for (const auto& key : folder->keys()) {
    io.out << fmt::format("{:<8} {:<44} {:<9} {:<20} {}\n", token::name(key.state), key.kid, token::name(key.algorithm),
                          key.fingerprint, key.use_until ? format_rfc3339(*key.use_until) : "-");
  }
  // Two nodes that print the same line here sign and verify with the same keys.
  if (const auto ring = server::make_key_ring(config)) {
    io.out << fmt::format("{:<8} {:<44} {:<9} {}\n", "ring", "all token keys together", "-",
                          token::ring_fingerprint(*ring));
  }
}

}  // namespace gatecast::app
