// Query parameters, targets, and what proxies and pages say of themselves: the small parsers of the HTTP layer.
#include <cstdlib>

#include "http/client_ip.hpp"
#include "http/origin.hpp"
#include "http/query.hpp"
#include "http/target.hpp"

using namespace gatecast::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const QueryValue found = find_query(text, "token");
  if (found.value && (found.duplicate || found.malformed || !is_plain_text(*found.value))) std::abort();
  const auto decoded = percent_decode(text);
  if (decoded && decoded->size() > text.size()) std::abort();

  if (const auto target = parse_target("GET", text)) {
    if (!target->path.starts_with('/') || !is_plain_text(target->path)) std::abort();
  }

  static const std::vector<std::string> kTrusted{"127.0.0.0/8", "::1"};
  static const TrustedProxies proxies = TrustedProxies::parse(kTrusted).value();
  const std::string ip = client_ip("127.0.0.1", {{"X-Forwarded-For", std::string(text)}}, proxies);
  const auto address = parse_address(ip);
  if (!address || address->text() != ip) std::abort();
  if (const auto direct = parse_address(text); direct && parse_address(direct->text()) != direct) std::abort();
  const std::vector<std::string> entries{std::string(text)};
  (void)TrustedProxies::parse(entries).has_value();

  if (const auto policy = OriginPolicy::parse(entries); policy && text.find('*') == std::string_view::npos) {
    if (!policy->allows(text, "")) std::abort();
  }
  static const std::vector<std::string> kAllowed{"https://*.example.com"};
  static const OriginPolicy pages = OriginPolicy::parse(kAllowed).value();
  if (size != 0 && pages.allows(text, "") && text.size() < std::string_view("https://a.example.com").size())
    std::abort();
  return 0;
}
