// The library's plain SHA contexts are used, not EVP: they are structures that copy, so a pre-keyed mac needs no
// allocation, no fetch and no lock. They use the processor's SHA instructions like EVP does.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstdlib>

#include "crypto/constant_time.hpp"

namespace gatecast::crypto {
namespace {

constexpr std::size_t kMaxDigest = SHA512_DIGEST_LENGTH;
constexpr std::size_t kMaxBlock = SHA512_CBLOCK;

using Digest = std::array<std::uint8_t, kMaxDigest>;

std::string_view view(const Digest& digest, std::size_t size) {
  return {reinterpret_cast<const char*>(digest.data()), size};
}

/// One running hash of any kind; copying it forks it.
class Hash {
 public:
  explicit Hash(HashKind kind) : kind_(kind) {
    switch (kind) {
      case HashKind::sha256: SHA256_Init(&small_); break;
      case HashKind::sha384: SHA384_Init(&large_); break;
      case HashKind::sha512: SHA512_Init(&large_); break;
    }
  }
  Hash(const Hash& other) : kind_(other.kind_) {
    if (kind_ == HashKind::sha256) {
      small_ = other.small_;
    } else {
      large_ = other.large_;
    }
  }
  Hash& operator=(const Hash&) = delete;
  ~Hash() { OPENSSL_cleanse(&large_, kind_ == HashKind::sha256 ? sizeof small_ : sizeof large_); }

  void update(const void* data, std::size_t size) {
    switch (kind_) {
      case HashKind::sha256: SHA256_Update(&small_, data, size); break;
      case HashKind::sha384: SHA384_Update(&large_, data, size); break;
      case HashKind::sha512: SHA512_Update(&large_, data, size); break;
    }
  }
  void finish(Digest& out) {
    switch (kind_) {
      case HashKind::sha256: SHA256_Final(out.data(), &small_); break;
      case HashKind::sha384: SHA384_Final(out.data(), &large_); break;
      case HashKind::sha512: SHA512_Final(out.data(), &large_); break;
    }
  }

 private:
  HashKind kind_;
  union {
    SHA256_CTX small_;
    SHA512_CTX large_;
  };
};

std::size_t block_size(HashKind kind) { return kind == HashKind::sha256 ? SHA256_CBLOCK : SHA512_CBLOCK; }

std::string digest_of(HashKind kind, std::string_view message) {
  Hash hash(kind);
  hash.update(message.data(), message.size());
  Digest out{};
  hash.finish(out);
  return std::string(view(out, hash_size(kind)));
}

}  // namespace

std::size_t hash_size(HashKind kind) {
  switch (kind) {
    case HashKind::sha256: return SHA256_DIGEST_LENGTH;
    case HashKind::sha384: return SHA384_DIGEST_LENGTH;
    case HashKind::sha512: return SHA512_DIGEST_LENGTH;
  }
  std::abort();
}

std::string sha256(std::string_view message) { return digest_of(HashKind::sha256, message); }
std::string sha384(std::string_view message) { return digest_of(HashKind::sha384, message); }
std::string sha512(std::string_view message) { return digest_of(HashKind::sha512, message); }

/// The two hashes of HMAC after their first block, the key xor ipad and opad.
struct HmacKey::State {
  HashKind kind;
  Hash inner, outer;

  State(HashKind k, std::string_view key) : kind(k), inner(k), outer(k) {
    std::array<std::uint8_t, kMaxBlock> pad{};
    const std::size_t block = block_size(kind);
    if (key.size() > block) {
      Hash shorter(kind);
      shorter.update(key.data(), key.size());
      Digest digest{};
      shorter.finish(digest);
      std::memcpy(pad.data(), digest.data(), hash_size(kind));
      OPENSSL_cleanse(digest.data(), digest.size());
    } else if (!key.empty()) {
      std::memcpy(pad.data(), key.data(), key.size());
    }
    for (auto& byte : pad) byte ^= 0x36;
    inner.update(pad.data(), block);
    for (auto& byte : pad) byte ^= 0x36 ^ 0x5C;
    outer.update(pad.data(), block);
    OPENSSL_cleanse(pad.data(), pad.size());
  }

  void mac(std::string_view message, Digest& out) const {
    Hash hash(inner);
    hash.update(message.data(), message.size());
    hash.finish(out);
    Hash last(outer);
    last.update(out.data(), hash_size(kind));
    last.finish(out);
  }
};

HmacKey::HmacKey(HashKind kind, const Secret& key) : state_(std::make_shared<const State>(kind, key.expose())) {}

std::string HmacKey::mac(std::string_view message) const {
  Digest out{};
  state_->mac(message, out);
  return std::string(view(out, hash_size(state_->kind)));
}

bool HmacKey::verify(std::string_view message, std::string_view mac) const {
  Digest out{};
  state_->mac(message, out);
  return equal(view(out, hash_size(state_->kind)), mac);
}

std::string hmac(HashKind kind, std::string_view key, std::string_view message) {
  return HmacKey(kind, Secret(std::string(key))).mac(message);
}

Secret hkdf_sha256(const Secret& key, std::string_view info, std::size_t bytes, std::string_view salt) {
  if (bytes > 255 * std::size_t{SHA256_DIGEST_LENGTH}) std::abort();
  // An absent salt and one of zeros are the same HMAC key.
  const HmacKey expand(HashKind::sha256, Secret(hmac(HashKind::sha256, salt, key.expose())));
  std::string out, block;
  out.reserve(bytes + SHA256_DIGEST_LENGTH);
  for (char count = 1; out.size() < bytes; ++count) {
    block.append(info);
    block += count;
    block = expand.mac(block);
    out += block;
  }
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(out.data() + bytes, out.size() - bytes);
  out.resize(bytes);
  return Secret(std::move(out));
}

}  // namespace gatecast::crypto
