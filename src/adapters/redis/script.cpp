#include <openssl/evp.h>

#include "adapters/redis/client.hpp"

namespace gatecast::redis {
namespace {

// The name by which Redis knows a script; nothing is protected by it.
std::string sha1_hex(std::string_view source) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(source.data(), source.size(), digest, &size, EVP_sha1(), nullptr) != 1) std::abort();
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace

Script::Script(std::string_view source) : source_(source), sha1_(sha1_hex(source)) {}

}  // namespace gatecast::redis
