#include "server/routes/ops_access.hpp"

#include "server/operators.hpp"

namespace gatecast::server {

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]:") || address.starts_with("localhost:");
}

Task<std::optional<http::Response>> refuse_reader(const Exchange& exchange) {
  auto& services = exchange.services();
  if (is_loopback(services.config.ops.address) || services.settings.get().operators.empty()) co_return std::nullopt;
  std::chrono::seconds retry_after{0};
  Result<void> admitted;
  if (brings_operator(exchange.request)) {
    auto person = co_await admit_operator(exchange, retry_after);
    if (!person) admitted = person.error();
  } else if (auto key = find_api_key(services, exchange.request.header("X-API-Key")); !key) {
    admitted = key.error();
  }
  if (admitted) co_return std::nullopt;
  http::Response response = failure(exchange, admitted.error());
  if (retry_after.count() > 0) response.set("Retry-After", fmt::format("{}", retry_after.count()));
  co_return response;
}

}  // namespace gatecast::server
