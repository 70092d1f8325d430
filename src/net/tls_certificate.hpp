// What a TLS certificate file holds: the server's certificate and those that vouch for it, and what it says to people.
//
// Place: read by TlsContext; shown by `config check` and the log. Threads: any; reading blocks (one small file).
// Lifetime: plain values; the chain owns OpenSSL's objects. Bounds: a file of 1 MB, 16 certificates. Errors:
// tls_certificate with the file and what is wrong: no such file, no certificate in it, out of order, expired.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

struct x509_st;

namespace gatecast::net {

struct FreeX509 {
  void operator()(x509_st* certificate) const;
};
using X509Ref = std::unique_ptr<x509_st, FreeX509>;

/// What the server's own certificate says; texts are printable ASCII.
struct TlsCertificate {
  std::string subject;
  std::string issuer;
  std::vector<std::string> names;  // hosts and addresses it is for
  std::string fingerprint;         // SHA-256 of the certificate, "AB:CD:…"
  WallTime not_before{};
  WallTime not_after{};
};

/// The file's certificates, each issued by the next, none past its end at `now`.
Result<std::vector<X509Ref>> read_tls_chain(const std::string& file, WallTime now);
TlsCertificate describe(x509_st& certificate);
/// Why clients may refuse a certificate that can be used, or soon will; one sentence each.
std::vector<std::string> doubts_about(x509_st& certificate, WallTime now);

/// A file of at most 1 MB; the error's detail begins with its name.
Result<std::string> read_tls_file(const std::string& file, Errc code);
/// OpenSSL's reason for its last failure, in words.
std::string tls_reason();

}  // namespace gatecast::net
