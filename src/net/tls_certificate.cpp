#include "net/tls_certificate.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "core/time_text.hpp"

namespace gatecast::net {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;
constexpr std::size_t kCertificatesMax = 16;
// A certificate is renewed well before its end; one of a few days in its last third.
constexpr std::chrono::hours kSoon{24 * 14};

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

WallTime to_time(const ASN1_TIME* time) {
  std::tm broken{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &broken) != 1) return {};
  return from_unix_seconds(timegm(&broken));
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string printable(const ASN1_STRING* text) {
  std::string out(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                  static_cast<std::size_t>(ASN1_STRING_length(text)));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7E) c = '?';
  }
  return out;
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = "";
  const int size = ASN1_STRING_length(address);
  if (size == 4) inet_ntop(AF_INET, ASN1_STRING_get0_data(address), text, sizeof text);
  if (size == 16) inet_ntop(AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, Free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.push_back(printable(name->d.dNSName));
    if (name->type == GEN_IPADD) out.push_back(address_text(name->d.iPAddress));
  }
  return out;
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return out;
}

std::string date(WallTime t) { return format_rfc3339(t); }

}  // namespace

void FreeX509::operator()(x509_st* certificate) const { X509_free(certificate); }

std::string tls_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != nullptr ? reason : "no reason given";
}

Result<std::string> read_tls_file(const std::string& file, Errc code) {
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec)) return fail(code, fmt::format("{}: is a folder", file));
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(code, fmt::format("{}: {}", file, std::strerror(errno != 0 ? errno : ENOENT)));
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kFileBytesMax) return fail(code, fmt::format("{}: is larger than 1 MB", file));
  return text;
}

Result<std::vector<X509Ref>> read_tls_chain(const std::string& file, WallTime now) {
  constexpr auto code = Errc::tls_certificate;
  const auto text = read_tls_file(file, code);
  if (!text) return text.error();
  const std::unique_ptr<BIO, Free> in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<X509Ref> chain;
  ERR_clear_error();
  while (in != nullptr) {
    X509Ref next(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    chain.push_back(std::move(next));
    if (chain.size() > kCertificatesMax) {
      return fail(code, fmt::format("{}: holds more than {} certificates", file, kCertificatesMax));
    }
  }
  // The end of the file ends the list; anything else is a certificate that does not parse.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return fail(code, fmt::format("{}: certificate {} cannot be read: {}", file, chain.size() + 1, tls_reason()));
  }
  ERR_clear_error();
  if (chain.empty()) return fail(code, fmt::format("{}: holds no certificate (PEM)", file));
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const auto end = to_time(X509_get0_notAfter(chain[i].get()));
    if (end <= now) return fail(code, fmt::format("{}: certificate {} ended {}", file, i + 1, date(end)));
    if (i > 0 && X509_check_issued(chain[i].get(), chain[i - 1].get()) != X509_V_OK) {
      return fail(code, fmt::format("{}: certificate {} did not issue the one before it", file, i + 1));
    }
  }
  return chain;
}

TlsCertificate describe(x509_st& certificate) {
  return {.subject = name_text(X509_get_subject_name(&certificate)),
          .issuer = name_text(X509_get_issuer_name(&certificate)),
          .names = names_of(certificate),
          .fingerprint = fingerprint_of(certificate),
          .not_before = to_time(X509_get0_notBefore(&certificate)),
          .not_after = to_time(X509_get0_notAfter(&certificate))};
}

std::vector<std::string> doubts_about(x509_st& certificate, WallTime now) {
  std::vector<std::string> out;
  const auto facts = describe(certificate);
  const auto left = facts.not_after - now;
  const auto life = facts.not_after - facts.not_before;
  if (left < std::min<WallTime::duration>(kSoon, life / 3)) {
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    out.push_back(fmt::format("the certificate ends {}, {} days left", date(facts.not_after), days));
  }
  if (facts.not_before > now) {
    out.push_back(fmt::format("the certificate counts from {} on, not yet", date(facts.not_before)));
  }
  if (facts.names.empty()) out.emplace_back("the certificate names no host; browsers look at nothing else");
  if (X509_check_purpose(&certificate, X509_PURPOSE_SSL_SERVER, 0) != 1) {
    out.emplace_back("the certificate is not made for servers");
  }
  return out;
}

}  // namespace gatecast::net
