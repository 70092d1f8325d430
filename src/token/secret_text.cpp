#include "token/secret_text.hpp"

#include <cctype>

#include "core/text_form.hpp"

namespace gatecast::token {
namespace {

/// Phrases of published examples that fill 32 bytes and more. Only what no real key says: a real one may well be
/// called "prod-jwt-secret-…".
constexpr std::string_view kPlaceholders[] = {
    "changeme",    "change-me",   "change_me",  "change-this",       "change_this",         "replace-me",
    "replace_me",  "replacewith", "replace-w",  "replace_w",         "placeholder",         "at-least-32",
    "your-secret", "your_secret", "yoursecret", "your-super-secret", "your-256-bit-secret", "your-jwt"};

/// Fewer different bytes than this is a key held down on a keyboard, not a key; 64 random hex digits have more.
constexpr int kMinDifferentBytes = 8;

bool blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool quote(char c) { return c == '"' || c == '\'' || c == '`'; }

/// What is wrong with the form of the value, in words; empty where nothing is.
std::string_view fault(std::string_view text) {
  if (text.find('\r') != std::string_view::npos) return "a carriage return in it";
  if (text.back() == '\n') return "a newline at its end";
  if (blank(text.front())) return "blanks before it";
  if (blank(text.back())) return "blanks after it";
  if (quote(text.front()) && text.back() == text.front()) return "quotes around it";
  if (quote(text.front()) || quote(text.back())) return "a quote at one end";
  return {};
}

Secret lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return Secret(std::move(lower));
}

}  // namespace

std::optional<SecretEncoding> secret_encoding_from_name(std::string_view text) {
  if (text == "text") return SecretEncoding::text;
  if (text == "base64") return SecretEncoding::base64;
  if (text == "hex") return SecretEncoding::hex;
  return std::nullopt;
}

Result<Secret> decode_secret(const Secret& text, SecretEncoding encoding) {
  if (text.empty()) return fail(Errc::secret_missing, "the secret is empty");
  if (const auto what = fault(text.expose()); !what.empty()) {
    return fail(Errc::secret_form, fmt::format("the secret has {}", what));
  }
  std::optional<std::string> bytes;
  switch (encoding) {
    case SecretEncoding::text: return text;
    case SecretEncoding::base64: bytes = base64_decode(text.expose()); break;
    case SecretEncoding::hex: bytes = hex_decode(text.expose()); break;
  }
  if (!bytes) {
    return fail(Errc::key_invalid, fmt::format("the secret is not {}",
                                               encoding == SecretEncoding::hex ? "hex" : "base64 with its padding"));
  }
  return Secret(*std::move(bytes));
}

Result<void> check_strength(const Secret& key) {
  if (key.empty()) return fail(Errc::secret_missing, "the secret is empty");
  const Secret lower = lower_case(key.expose());
  const bool known = std::any_of(std::begin(kPlaceholders), std::end(kPlaceholders),
                                 [&](std::string_view p) { return lower.expose().find(p) != std::string_view::npos; });
  std::array<bool, 256> seen{};
  for (const char c : key.expose()) seen[static_cast<unsigned char>(c)] = true;
  const auto different = std::count(seen.begin(), seen.end(), true);
  if (known) return fail(Errc::secret_weak, "the secret is a default or a placeholder of published examples");
  if (key.size() < kMinSecretBytes) {
    return fail(Errc::secret_weak, fmt::format("the secret has {} bytes, {} are needed", key.size(), kMinSecretBytes));
  }
  if (different < kMinDifferentBytes) {
    return fail(Errc::secret_weak, fmt::format("the secret has only {} different bytes", different));
  }
  return {};
}

}  // namespace gatecast::token
