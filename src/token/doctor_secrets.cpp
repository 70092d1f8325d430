// The mistakes people make with shared secrets, tried one after another against a signature that does not fit.
#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "token/doctor.hpp"

namespace gatecast::token {
namespace {

/// Secrets of examples, templates and generators that were never replaced.
constexpr std::string_view kDefaults[] = {"your-256-bit-secret",
                                          "your-384-bit-secret",
                                          "your-512-bit-secret",
                                          "a-string-secret-at-least-256-bits-long",
                                          "a-string-secret-at-least-384-bits-long-for-hs384-to-be-safe",
                                          "super-secret-jwt-token-with-at-least-32-characters-long",
                                          "your-secret-key",
                                          "your-secret",
                                          "your_secret_key",
                                          "your_jwt_secret",
                                          "your-jwt-secret",
                                          "your-super-secret-jwt-key",
                                          "your-super-secret-key",
                                          "your-nextauth-secret",
                                          "your_nextauth_secret",
                                          "nextauth_secret",
                                          "secret",
                                          "secretkey",
                                          "secret-key",
                                          "secret_key",
                                          "supersecret",
                                          "super-secret",
                                          "supersecretkey",
                                          "mysecret",
                                          "my-secret",
                                          "my_secret",
                                          "my-secret-key",
                                          "mysecretkey",
                                          "jwtsecret",
                                          "jwt-secret",
                                          "jwt_secret",
                                          "JWT_SECRET",
                                          "NEXTAUTH_SECRET",
                                          "changeme",
                                          "change-me",
                                          "change_me",
                                          "changeit",
                                          "keyboard cat",
                                          "shhhhh",
                                          "password",
                                          "default",
                                          "test",
                                          "dev",
                                          "development",
                                          "undefined",
                                          "null",
                                          ""};

struct Mistake {
  std::string_view id;
  std::string_view what;  // "with double quotes around it"
  std::string_view cure;
  std::string bytes;
};

constexpr std::string_view kStrip =
    "Let the signing side read the value without them; some env files keep what stands "
    "around a value.";
constexpr std::string_view kEncoding =
    "Set secret_encoding here to what the signing side does, or let it use the text.";

std::string padded(std::string text) {
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kAround = " \t\r\n\"'`";
  const std::size_t first = text.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kAround) - first + 1));
}

std::string without_padding(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::vector<Mistake> mistakes_with(const SecretCandidate& secret) {
  const std::string text(secret.text.expose());
  std::vector<Mistake> out;
  out.push_back({"secret_quoted_double", "with double quotes around it", kStrip, '"' + text + '"'});
  out.push_back({"secret_quoted_single", "with single quotes around it", kStrip, '\'' + text + '\''});
  out.push_back({"secret_trailing_newline", "with a newline at its end", kStrip, text + "\n"});
  out.push_back({"secret_trailing_crlf", "with a carriage return and a newline at its end", kStrip, text + "\r\n"});
  out.push_back({"secret_trailing_cr", "with a carriage return at its end", kStrip, text + "\r"});
  out.push_back({"secret_leading_blank", "with a blank before it", kStrip, ' ' + text});
  out.push_back({"secret_trailing_blank", "with a blank after it", kStrip, text + ' '});
  if (auto bare = trimmed(text); bare != text) {
    out.push_back({"secret_trimmed", "without the quotes or blanks around it", kStrip, std::move(bare)});
  }
  if (secret.encoding != SecretEncoding::text) {
    out.push_back({"secret_as_text", "taken as text, where it is decoded here", kEncoding, text});
  }
  if (secret.encoding != SecretEncoding::base64) {
    if (auto bytes = base64_decode(padded(text)); bytes && !bytes->empty()) {
      out.push_back({"secret_as_base64", "decoded from base64, where it is not here", kEncoding, *std::move(bytes)});
    }
  }
  if (auto bytes = base64url_decode(without_padding(text)); bytes && !bytes->empty()) {
    out.push_back(
        {"secret_as_base64url", "decoded from base64url, where it is not here", kEncoding, *std::move(bytes)});
  }
  if (secret.encoding != SecretEncoding::hex) {
    if (auto bytes = hex_decode(text); bytes && !bytes->empty()) {
      out.push_back({"secret_as_hex", "decoded from hex, where it is not here", kEncoding, *std::move(bytes)});
    }
  }
  return out;
}

/// The key bytes that the candidate stands for where nobody made a mistake.
std::string meant(const SecretCandidate& secret) {
  const auto bytes = decode_secret(secret.text, secret.encoding);
  return bytes ? std::string(bytes->expose()) : std::string(secret.text.expose());
}

crypto::HashKind hash_of(Algorithm a) {
  if (a == Algorithm::hs384) return crypto::HashKind::sha384;
  return a == Algorithm::hs512 ? crypto::HashKind::sha512 : crypto::HashKind::sha256;
}

}  // namespace

std::vector<Finding> find_secret_mistake(std::string_view signing_input, std::string_view signature,
                                         Algorithm algorithm, const std::vector<SecretCandidate>& secrets) {
  const auto fits = [&](std::string_view key) {
    return crypto::HmacKey(hash_of(algorithm), Secret(std::string(key))).verify(signing_input, signature);
  };
  const auto wrong = [](std::string_view id, std::string text, std::string_view cure) {
    return std::vector<Finding>{{std::string(id), Finding::Verdict::wrong, std::move(text), std::string(cure)}};
  };
  for (const SecretCandidate& secret : secrets) {
    if (fits(meant(secret))) {
      return wrong("secret_other",
                   fmt::format("It was signed with {}, which is not the key it is checked with.", secret.name),
                   "Give both sides one and the same secret.");
    }
    for (const Mistake& mistake : mistakes_with(secret)) {
      if (!fits(mistake.bytes)) continue;
      return wrong(mistake.id, fmt::format("It was signed with {} {}.", secret.name, mistake.what), mistake.cure);
    }
  }
  for (const std::string_view known : kDefaults) {
    if (!fits(known)) continue;
    return wrong("secret_default",
                 known.empty() ? "It was signed with an empty secret: the variable was not set where it was signed."
                               : fmt::format("It was signed with the published default \"{}\".", known),
                 "Anybody can sign such tokens: set a secret of your own (openssl rand -base64 48) on both sides.");
  }
  return {};
}

}  // namespace gatecast::token
