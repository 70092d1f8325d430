#include "bench/sign_in.hpp"

#include <atomic>
#include <boost/json.hpp>
#include <thread>

#include "bench/http_client.hpp"
#include "bench/process.hpp"
#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"

namespace gatecast::bench {

namespace {

std::string member(const std::string& reply, const char* name) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(reply, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* found = object != nullptr ? object->if_contains(name) : nullptr;
  if (found == nullptr || !found->is_string()) die(fmt::format("no `{}` in: {}", name, reply));
  return std::string(found->get_string());
}

std::string one_token(HttpClient& client) {
  const crypto::Ed25519Key wallet = crypto::Ed25519Key::generate();
  const std::string address = base58_encode(wallet.public_key());
  const std::string challenge =
      client.post_ok("/api/v2/auth/wallet/challenge",
                     boost::json::serialize(boost::json::object{{"chain", "solana"}, {"address", address}}));
  const std::string message = member(challenge, "message");
  const boost::json::object proof{{"chain", "solana"},
                                  {"address", address},
                                  {"message", message},
                                  {"signature", base58_encode(wallet.sign(message))}};
  return member(client.post_ok("/api/v2/auth/wallet", boost::json::serialize(proof)), "token");
}

}  // namespace

std::vector<std::string> sign_in(std::uint16_t port, std::size_t count) {
  constexpr std::size_t kConnections = 32;
  std::vector<std::string> tokens(count);
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(kConnections, count); ++i) {
    threads.emplace_back([&] {
      HttpClient client(port);
      for (std::size_t at = next++; at < count; at = next++) tokens[at] = one_token(client);
    });
  }
  threads.clear();  // joins
  return tokens;
}

}  // namespace gatecast::bench
