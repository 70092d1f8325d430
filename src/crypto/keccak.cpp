#include "crypto/keccak.hpp"

#include <cryptopp/keccak.h>

namespace gatecast::crypto {

std::string keccak256(std::string_view message) {
  CryptoPP::Keccak_256 hash;
  std::string digest(CryptoPP::Keccak_256::DIGESTSIZE, '\0');
  hash.CalculateDigest(reinterpret_cast<CryptoPP::byte*>(digest.data()),
                       reinterpret_cast<const CryptoPP::byte*>(message.data()), message.size());
  return digest;
}

}  // namespace gatecast::crypto
