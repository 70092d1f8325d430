#include "crypto/p256.hpp"

#include <openssl/ecdsa.h>

#include <cstdlib>

#include "crypto/hash.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/pem.hpp"

namespace gatecast::crypto {
namespace {

constexpr std::size_t kCoordinate = 32;
constexpr const char* kCurve = "P-256";

using Pkey = std::shared_ptr<EVP_PKEY>;

Pkey own(EVP_PKEY* key) { return Pkey(key, EVP_PKEY_free); }

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// What only fails when memory is out or the library is broken.
void must(bool done) {
  if (!done) std::abort();
}

/// Builds a key from its uncompressed point and, where given, its private scalar. Null where the point is not on the
/// curve.
Pkey build(const std::string& point, const BIGNUM* scalar) {
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  must(build && OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, kCurve, 0) == 1 &&
       OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1 &&
       (!scalar || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1));
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build.get()));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  must(params && context && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  const int selection = scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return own(key);
}

std::string coordinate(EVP_PKEY* key, const char* which) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, which, &number) != 1) return {};
  const BnPtr owned(number);
  std::string out(kCoordinate, '\0');
  must(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), kCoordinate) == int{kCoordinate});
  return out;
}

bool verify_with(EVP_PKEY* key, std::string_view message, std::string_view signature64) {
  if (signature64.size() != 2 * kCoordinate) return false;
  const EcSignaturePtr signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes(signature64), kCoordinate, nullptr);
  BIGNUM* s = BN_bin2bn(bytes(signature64) + kCoordinate, kCoordinate, nullptr);
  must(signature && r && s && ECDSA_SIG_set0(signature.get(), r, s) == 1);
  std::array<unsigned char, 80> der{};  // two integers of at most 33 bytes and three headers of 2
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(signature.get(), &end);
  must(size > 0);
  const std::string digest = sha256(message);
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  must(context && EVP_PKEY_verify_init(context.get()) == 1);
  const bool good =
      EVP_PKEY_verify(context.get(), der.data(), static_cast<std::size_t>(size), bytes(digest), digest.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace

Result<P256PublicKey> P256PublicKey::from_xy(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinate || y.size() != kCoordinate) {
    return fail(Errc::key_invalid, "a P-256 coordinate has 32 bytes");
  }
  Pkey key = build("\x04" + std::string(x) + std::string(y), nullptr);
  if (!key) return fail(Errc::key_invalid, "not a point of P-256");
  return P256PublicKey(std::move(key));
}

bool P256PublicKey::verify(std::string_view message, std::string_view signature64) const {
  return verify_with(key_.get(), message, signature64);
}

bool p256_verify(std::string_view x, std::string_view y, std::string_view message, std::string_view signature64) {
  const auto key = P256PublicKey::from_xy(x, y);
  return key && key->verify(message, signature64);
}

P256Key P256Key::generate() {
  auto key = adopt(own(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kCurve)));
  must(key.has_value());
  return *std::move(key);
}

Result<P256Key> P256Key::from_jwk_d(const Secret& d32) {
  const EcGroupPtr group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const BnPtr scalar(BN_bin2bn(bytes(d32.expose()), static_cast<int>(d32.size()), nullptr));
  must(group && scalar);
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  if (d32.size() != kCoordinate || BN_is_zero(scalar.get()) ||
      BN_cmp(scalar.get(), EC_GROUP_get0_order(group.get())) >= 0) {
    return fail(Errc::key_invalid, "a P-256 private key is 32 bytes, from 1 to the group order less 1");
  }
  const EcPointPtr point(EC_POINT_new(group.get()));
  must(point && EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1);
  std::string encoded(1 + 2 * kCoordinate, '\0');
  must(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                          reinterpret_cast<unsigned char*>(encoded.data()), encoded.size(), nullptr) == encoded.size());
  return adopt(build(encoded, scalar.get()));
}

Result<P256Key> P256Key::from_pem(const Secret& pem) {
  auto key = read_pem(pem);
  if (!key) return std::move(key.error());
  if (auto* p256 = std::get_if<P256Key>(&*key)) return std::move(*p256);
  return fail(Errc::key_invalid, "the PEM text holds a key that is not on P-256");
}

Result<P256Key> P256Key::adopt(std::shared_ptr<evp_pkey_st> key) {
  std::array<char, 32> group{};
  if (!key || EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), nullptr) != 1 ||
      std::string_view(group.data()) != "prime256v1") {
    ERR_clear_error();
    return fail(Errc::key_invalid, "not a key on P-256");
  }
  BIGNUM* scalar = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "the P-256 key has no private part");
  }
  const BnPtr owned(scalar);
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  must(context != nullptr);
  // A file can pair a private key with another key's public point: it would sign what nobody can verify.
  if (EVP_PKEY_pairwise_check(context.get()) != 1) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "private and public part of the P-256 key do not belong together");
  }
  std::string x = coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  std::string y = coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  must(!x.empty() && !y.empty());
  return P256Key(std::move(key), std::move(x), std::move(y));
}

std::string P256Key::sign(std::string_view message) const {
  const std::string digest = sha256(message);
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  std::array<unsigned char, 80> der{};
  std::size_t size = der.size();
  must(context && EVP_PKEY_sign_init(context.get()) == 1 &&
       EVP_PKEY_sign(context.get(), der.data(), &size, bytes(digest), digest.size()) == 1);
  const unsigned char* at = der.data();
  const EcSignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  must(signature != nullptr);
  std::string out(2 * kCoordinate, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), to, kCoordinate) == int{kCoordinate} &&
       BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), to + kCoordinate, kCoordinate) == int{kCoordinate});
  return out;
}

bool P256Key::verify(std::string_view message, std::string_view signature64) const {
  return verify_with(key_.get(), message, signature64);
}

Secret P256Key::pem() const { return write_pem_of(key_.get()); }

}  // namespace gatecast::crypto
