#include "server/config/tls.hpp"

#include "core/time_text.hpp"
#include "server/config/check.hpp"

namespace gatecast::server {

Result<std::shared_ptr<const net::TlsContext>> load_tls(const TlsFiles& files, WallTime now) {
  if (files.cert.empty() && files.key.empty()) return std::shared_ptr<const net::TlsContext>();
  if (files.cert.empty() || files.key.empty()) {
    return fail(Errc::config_invalid,
                files.cert.empty() ? "a TLS key without its certificate" : "a TLS certificate without its key");
  }
  return net::TlsContext::load(files.cert, files.key, now);
}

std::vector<std::pair<std::string, std::string>> describe_tls(const TlsFiles& files) {
  const auto context = load_tls(files, SystemClock().wall());
  if (!context || *context == nullptr) return {};
  const auto& certificate = (*context)->certificate();
  return {{"subject", certificate.subject},
          {"issuer", certificate.issuer},
          {"names", fmt::format("{}", fmt::join(certificate.names, ", "))},
          {"ends", format_rfc3339(certificate.not_after)},
          {"fingerprint", certificate.fingerprint}};
}

void check_tls(const Config& config, Reporter& report) {
  const auto now = SystemClock().wall();
  for (const auto& [port, files] : {std::pair{"http.tls", &config.http.tls}, {"ops.tls", &config.ops.tls}}) {
    const auto context = load_tls(*files, now);
    if (!context) {
      const auto& code = info(context.error().code);
      const bool of_key = context.error().code == Errc::tls_key || files->key.empty();
      report.error(fmt::format("{}.{}", port, of_key ? "key" : "cert"), context.error().detail,
                   context.error().code == Errc::config_invalid ? "Write both, or neither." : std::string(code.cure));
      continue;
    }
    if (*context == nullptr) continue;
    for (const auto& doubt : (*context)->doubts()) {
      report.warn(fmt::format("{}.cert", port), doubt,
                  "Clients may refuse it, or others misuse it: renew or protect it.");
    }
  }
}

}  // namespace gatecast::server
