#include "bench/sign_in.hpp"

#include <atomic>
#include <boost/json.hpp>
#include <thread>

#include "bench/http_client.hpp"
#include "bench/http_load.hpp"
#include "bench/process.hpp"
#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"

namespace gatecast::bench {

std::string member(const std::string& reply, const char* name) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(reply, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* found = object != nullptr ? object->if_contains(name) : nullptr;
  if (found == nullptr || !found->is_string()) die(fmt::format("no `{}` in: {}", name, reply));
  return std::string(found->get_string());
}

namespace {

constexpr char kChallenge[] = "/api/v2/auth/wallet/challenge";
constexpr char kSignIn[] = "/api/v2/auth/wallet";

std::string challenge_of(const std::string& address) {
  return boost::json::serialize(boost::json::object{{"chain", "solana"}, {"address", address}});
}

std::string proof_of(const crypto::Ed25519Key& wallet, const std::string& challenge) {
  const std::string message = member(challenge, "message");
  return boost::json::serialize(boost::json::object{{"chain", "solana"},
                                                    {"address", base58_encode(wallet.public_key())},
                                                    {"message", message},
                                                    {"signature", base58_encode(wallet.sign(message))}});
}

std::string one_token(HttpClient& client) {
  const crypto::Ed25519Key wallet = crypto::Ed25519Key::generate();
  const std::string challenge = client.post_ok(kChallenge, challenge_of(base58_encode(wallet.public_key())));
  return member(client.post_ok(kSignIn, proof_of(wallet, challenge)), "token");
}

}  // namespace

std::vector<std::string> prepare_sign_ins(std::uint16_t port, std::size_t count) {
  std::vector<crypto::Ed25519Key> wallets;
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < count; ++i) {
    wallets.push_back(crypto::Ed25519Key::generate());
    requests.push_back(post_bytes(kChallenge, challenge_of(base58_encode(wallets.back().public_key()))));
  }
  const std::vector<std::string> challenges = HttpLoad(port, 16).run(requests);
  for (std::size_t i = 0; i < count; ++i) requests[i] = post_bytes(kSignIn, proof_of(wallets[i], challenges[i]));
  return requests;
}

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
