#include "app/banner.hpp"

#include <cstdio>

namespace gatecast::app {
namespace {

// The address as one would type it into a browser on this machine.
std::string reachable(std::string_view address, std::uint16_t port) {
  const auto host = address.substr(0, address.rfind(':'));
  const bool anywhere = host.empty() || host == "0.0.0.0" || host == "[::]";
  return fmt::format("{}:{}", anywhere || host == "127.0.0.1" ? "localhost" : host, port);
}

}  // namespace

void print_banner(const server::Config& config, const server::Server& server) {
  const auto at = reachable(config.http.address, server.public_port()) + config.http.base_path;
  const auto ops = reachable(config.ops.address, server.ops_port());
  const auto& key = server.keys().active();
  std::string text = fmt::format("gatecast {}{}\n", GATECAST_VERSION, config.dev ? "  development mode" : "");
  const std::string_view s = config.http.tls.on() ? "s" : "";
  const std::string_view ops_s = config.ops.tls.on() ? "s" : "";
  text += fmt::format("  clients    http{}://{}   ws{}://{}/connection/websocket\n", s, at, s, at);
  text += fmt::format("  operators  http{}://{}/console   /stats /metrics /healthz /readyz /api\n", ops_s, ops);
  text += fmt::format("  tokens     {}  key {}  iss {}  aud {}\n", token::name(key.algorithm()), key.fingerprint(),
                      config.token.issuer, config.token.audience);
  text += fmt::format("  store      {}{}\n", config.store.path.empty() ? config.store.url.shown() : config.store.path,
                      config.broker.on() ? "   broker " + config.broker.url.shown() : "");
  if (config.log.dir.empty()) {
    text += "  log        this terminal\n";
  } else {
    text += fmt::format("  log        {}/ws-*.log\n", config.log.dir);
  }
  if (config.dev) {
    text +=
        fmt::format("  keys       {0}/dev-operator.key for the console, dev-api.key for the API\n", config.data.dir);
  }
  if (config.pages.enabled) {
    text += fmt::format("Next: open http{}://{}/demo and sign in.\n", s, at);
  } else {
    text += fmt::format("Next: curl http{}://{}/readyz\n", ops_s, ops);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace gatecast::app
