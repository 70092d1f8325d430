// Outbound requests by libcurl: HTTP/1.1, TLS 1.2 and newer.
//
// Place: made by app beside the store, used through outbound/outbound.hpp. Threads: `send` on any loop; one thread of
// its own drives all transfers, answers are posted to the loops that await them. Lifetime: `stop` (or destruction)
// answers what is under way with `cancelled` and joins; loops outlive it.
// Bounds: 32 transfers at once, 256 waiting, a reply's headers 32 KB, its body and time as the request says; the time
// counts from `send`. Never: redirects, proxies, cookies, .netrc, other protocols. Errors: those of the interface.
#pragma once

#include <memory>
#include <string>

#include "outbound/outbound.hpp"

namespace gatecast::https {

class HttpsOutbound final : public outbound::Outbound {
 public:
  struct Options {
    std::string ca_file{};          // PEM: authorities beside the system's
    std::size_t running_max = 32;   // transfers at once
    std::size_t waiting_max = 256;  // over it: overloaded
  };
  /// Error: config_invalid where ca_file cannot be read or holds no certificate.
  static Result<std::unique_ptr<HttpsOutbound>> make(Options options);
  ~HttpsOutbound() override;

  Task<Result<outbound::Reply>> send(outbound::Request request) override;
  void stop() override;

 private:
  class Engine;
  explicit HttpsOutbound(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace gatecast::https
