// Another issuer of tests: it signs what it is told to, and publishes its keys behind the outbound interface.
//
// Threads: replies are given on the loop that asked. A reply waits until `release` where `hold` is set.
#pragma once

#include <functional>
#include <vector>

#include "core/text_form.hpp"
#include "outbound/outbound.hpp"
#include "token/key.hpp"

namespace gatecast::token {

inline std::string signed_by(const Key& key, const std::string& header, const std::string& payload) {
  const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
  return input + "." + base64url_encode(key.sign(input));
}
/// With the header {alg, kid}.
inline std::string signed_by(const Key& key, const std::string& payload) {
  return signed_by(key, fmt::format(R"({{"alg":"{}","kid":"{}"}})", name(key.algorithm()), key.kid()), payload);
}

class TestIssuer final : public outbound::Outbound {
 public:
  Task<Result<outbound::Reply>> send(outbound::Request request) override {
    ++asked;
    last_url = request.url;
    if (hold) {
      co_await arrival<bool>([this](Resume<bool> resume) { held_.push_back(std::move(resume)); });
    }
    if (error) co_return *error;
    outbound::Reply reply{.status = status, .body = body};
    if (!cache_control.empty()) reply.headers.emplace_back("cache-control", cache_control);
    co_return reply;
  }
  void publish(const std::vector<Key>& keys) {
    body = R"({"keys":[)";
    for (const Key& key : keys) body += (body.ends_with('[') ? "" : ",") + key.public_jwk();
    body += "]}";
  }
  void release() {
    hold = false;
    std::vector<Resume<bool>> held;
    held.swap(held_);
    for (auto& resume : held) resume(true);
  }

  int asked = 0;
  bool hold = false;
  std::optional<Error> error{};
  unsigned status = 200;
  std::string body = R"({"keys":[]})";
  std::string cache_control{};
  std::string last_url{};

 private:
  std::vector<Resume<bool>> held_;
};

}  // namespace gatecast::token
