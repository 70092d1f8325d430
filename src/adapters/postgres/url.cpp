#include "adapters/postgres/url.hpp"

#include <filesystem>

namespace gatecast::postgres {
namespace {

// Where Debian, Alpine and Fedora keep the authorities they trust: libpq 15 looks in the user's home alone.
constexpr const char* kSystemAuthorities[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem",
                                              "/etc/pki/tls/certs/ca-bundle.crt"};

std::string authorities(const store::PostgresUrl& url, const std::string& ca_file) {
  if (!ca_file.empty()) return ca_file;
  if (!url.find("sslrootcert").empty() || !url.find("sslmode").starts_with("verify")) return {};
  std::error_code ec;
  for (const char* file : kSystemAuthorities) {
    if (std::filesystem::exists(file, ec)) return file;
  }
  return {};
}

}  // namespace

Result<Target> Target::make(const ServiceUrl& url, const std::string& ca_file) {
  Target target;
  target.url_ = store::parse_postgres_url(url.expose());
  if (!target.url_.ok()) {
    const auto& problem = target.url_.problems.front();
    return fail(Errc::store_failed, fmt::format("store.url {}: {}", problem.text, problem.cure));
  }
  if (auto file = authorities(target.url_, ca_file); !file.empty()) {
    std::erase_if(target.url_.words, [](const auto& word) { return word.name == "sslrootcert"; });
    target.url_.words.push_back({"sslrootcert", Secret(std::move(file))});
  }
  return target;
}

// The words are never changed after `make`, and a string's text ends with a null.
std::vector<const char*> Target::keywords() const {
  std::vector<const char*> out;
  for (const auto& word : url_.words) out.push_back(word.name.c_str());
  out.push_back(nullptr);
  return out;
}

std::vector<const char*> Target::values() const {
  std::vector<const char*> out;
  for (const auto& word : url_.words) out.push_back(word.value.expose().data());
  out.push_back(nullptr);
  return out;
}

std::string Target::shown() const {
  std::string out(url_.find("host"));
  if (out.empty()) out = "local socket";
  if (const auto port = url_.find("port"); !port.empty()) out += fmt::format(":{}", port);
  return fmt::format("{}/{}", out, url_.find("dbname"));
}

}  // namespace gatecast::postgres
