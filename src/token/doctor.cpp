#include "token/doctor.hpp"

#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

using Verdict = Finding::Verdict;

constexpr std::size_t kLookedAt = 64 * 1024;
constexpr std::size_t kSidBytes = 28;
constexpr std::size_t kShown = 80;

/// Text of the token as it may be shown: one line, not endless.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShown)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return text.size() > kShown ? out + "…" : out;
}

std::string plural(std::int64_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string duration_text(std::int64_t seconds) {
  if (seconds >= 172'800) return plural(seconds / 86'400, "day");
  if (seconds >= 7'200) return plural(seconds / 3'600, "hour");
  if (seconds >= 120) return plural(seconds / 60, "minute");
  return plural(seconds, "second");
}

/// Near a whole number of hours, one to fourteen: somebody took local time for UTC.
bool looks_like_a_time_zone(std::int64_t seconds) {
  const std::int64_t hours = (seconds + 1'800) / 3'600;
  return hours >= 1 && hours <= 14 && std::abs(seconds - hours * 3'600) <= 120;
}

std::optional<std::string> text_member(const JsonObject& object, std::string_view name) {
  const JsonMember* member = object.find(name);
  return member ? json_string(*member) : std::nullopt;
}

/// One examination: what was found, and the token as far as it could be made readable.
class Examination {
 public:
  explicit Examination(const DoctorInput& input) : in_(input) {}

  std::vector<Finding> run(std::string_view given) {
    text_ = std::string(given.substr(0, kLookedAt));
    clean();
    if (take_apart()) {
      header();
      claims();
    }
    return std::move(findings_);
  }

 private:
  void add(std::string_view id, Verdict verdict, std::string text, std::string_view cure = {}) {
    findings_.push_back({std::string(id), verdict, std::move(text), std::string(cure)});
  }
  void ok(std::string_view id, std::string text) { add(id, Verdict::ok, std::move(text)); }
  void warn(std::string_view id, std::string text, std::string_view cure) {
    add(id, Verdict::warn, std::move(text), cure);
  }
  void wrong(std::string_view id, std::string text, std::string_view cure) {
    add(id, Verdict::wrong, std::move(text), cure);
  }

  void clean();
  void strip_around();
  void strip_inside();
  bool take_apart();
  bool decode(std::string_view part, std::string_view what, std::optional<JsonObject>& into, std::string& bytes);
  void header();
  void claims();
  void issuer();
  void key();
  std::vector<const Key*> usable_keys();
  std::vector<const Key*> own_keys();
  void check_signature_with(const std::vector<const Key*>& keys);
  void explain_signature();
  void audience();
  void times();
  std::optional<std::int64_t> time_claim(std::string_view name, bool needed);
  void own_claims();

  const DoctorInput& in_;
  std::vector<Finding> findings_;
  std::string text_, header_bytes_, payload_bytes_, signature_;
  std::string_view signing_input_;
  std::optional<JsonObject> header_, payload_;
  std::optional<Algorithm> algorithm_;
  bool own_ = false;                        // the iss is ours
  const TrustedIssuer* trusted_ = nullptr;  // the iss is theirs
};

void Examination::strip_around() {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  bool blanks = false, quotes = false, bearer = false;
  for (bool changed = true; changed;) {
    changed = false;
    while (!text_.empty() && blank(text_.back())) text_.pop_back(), blanks = changed = true;
    while (!text_.empty() && blank(text_.front())) text_.erase(0, 1), blanks = changed = true;
    if (text_.size() >= 2 && (text_.front() == '"' || text_.front() == '\'') && text_.back() == text_.front()) {
      text_ = text_.substr(1, text_.size() - 2);
      quotes = changed = true;
    }
    std::string start = text_.substr(0, 7);
    for (char& c : start) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (start == "bearer ") text_.erase(0, 7), bearer = changed = true;
  }
  if (blanks) wrong("form_blanks", "There are blanks or a newline around the token.", "Send the token alone.");
  if (quotes)
    wrong("form_quotes", "There are quotes around the token.",
          "Send its text, not its JSON form: JSON.parse it first.");
  if (bearer)
    wrong("form_bearer", "It begins with \"Bearer \".",
          "That word belongs into the Authorization header, once, and nowhere else.");
}

void Examination::strip_inside() {
  if (text_.find('%') != std::string::npos) {
    std::string out;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const auto byte =
          text_[i] == '%' && i + 2 < text_.size() ? hex_decode(std::string_view(text_).substr(i + 1, 2)) : std::nullopt;
      out += byte ? *byte : text_.substr(i, 1);
      if (byte) i += 2;
    }
    text_ = std::move(out);
    wrong("form_url_encoded", "It is URL-encoded.", "Encode a token at most once, and only into a URL.");
    strip_around();
  }
  if (const std::size_t at = text_.find_first_of(", ;");
      at != std::string::npos && text_.find("eyJ", at) != std::string::npos) {
    wrong("form_two_tokens", "There are two tokens in one text; the first is examined.",
          "Send one Authorization header with one token.");
    text_.resize(at);
  }
  const std::size_t before = text_.size();
  std::erase_if(text_, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  if (text_.size() != before)
    wrong("form_line_break", "There are line breaks or blanks within it.", "Copy it in one piece, without wrapping.");
  if (text_.find('=') != std::string::npos) {
    std::erase(text_, '=');
    wrong("form_padding", "Its parts are padded with \"=\".", "Encode with base64url without padding (RFC 7515).");
  }
  if (text_.find_first_of("+/") != std::string::npos) {
    for (char& c : text_) c = c == '+' ? '-' : c == '/' ? '_' : c;
    wrong("form_base64", "Its parts are base64, not base64url.",
          "Encode with the URL-safe alphabet: - and _ for + and /.");
  }
}

void Examination::clean() {
  strip_around();
  strip_inside();
  if (text_.size() > kMaxTokenBytes) {
    wrong("form_too_long", fmt::format("It has {} bytes; at most {} are read.", text_.size(), kMaxTokenBytes),
          "Put fewer claims into it.");
  }
}

bool Examination::take_apart() {
  constexpr std::string_view kCopyAll = "Copy all of it: three parts with a dot between.";
  if (text_.empty()) {
    wrong("form_empty", "There is no token.", "Send the access token.");
    return false;
  }
  if (text_.starts_with("gcr1.")) {
    wrong("form_refresh_token", "It is a refresh token.",
          "Send the access token (`token` of the sign-in's answer); the refresh token only renews.");
    return false;
  }
  const auto dots = std::count(text_.begin(), text_.end(), '.');
  const std::size_t first = text_.find('.'), last = text_.rfind('.');
  if (dots == 4) {
    std::optional<JsonObject> outer;
    std::string bytes;
    if (const auto head = base64url_decode(std::string_view(text_).substr(0, first))) {
      bytes = *head;
      outer = JsonObject::parse(bytes);
    }
    if (outer && outer->find("enc")) {
      wrong("form_encrypted", "It is encrypted (JWE), as NextAuth's session cookie is.",
            info(Errc::token_encrypted).cure);
      return false;
    }
  }
  if (dots < 2) {
    wrong("form_truncated", fmt::format("It has {}; a token has three parts.", plural(dots + 1, "part")), kCopyAll);
    return false;
  }
  if (dots > 2) {
    wrong("form_parts", fmt::format("It has {}; a token has three.", plural(dots + 1, "part")), kCopyAll);
    return false;
  }
  const std::string_view text = text_;
  signing_input_ = text.substr(0, last);
  const bool head = decode(text.substr(0, first), "header", header_, header_bytes_);
  const bool body = decode(text.substr(first + 1, last - first - 1), "payload", payload_, payload_bytes_);
  const auto signature = base64url_decode(text.substr(last + 1));
  if (!signature) {
    wrong("form_truncated", "Its signature is not base64url: cut short, or changed.", kCopyAll);
  } else if (signature->empty()) {
    wrong("signature_missing", "It has no signature.", kCopyAll);
  }
  signature_ = signature.value_or("");
  return head && body;
}

bool Examination::decode(std::string_view part, std::string_view what, std::optional<JsonObject>& into,
                         std::string& bytes) {
  auto decoded = base64url_decode(part);
  if (decoded) {
    bytes = *std::move(decoded);
    into = JsonObject::parse(bytes);
  }
  if (into) return true;
  wrong(fmt::format("{}_malformed", what), fmt::format("Its {} is not a JSON object in base64url.", what),
        "It was cut, changed or encoded twice; copy all of it.");
  return false;
}

void Examination::header() {
  const std::string alg = text_member(*header_, "alg").value_or("");
  algorithm_ = algorithm_from_name(alg);
  std::string lower = alg;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "none") {
    wrong("alg_none", "It is not signed: its alg is none.", "Sign it; an unsigned token is never taken.");
  } else if (!algorithm_) {
    wrong("alg_unknown", fmt::format("Its alg is \"{}\".", shown(alg)),
          "Sign with EdDSA, ES256, RS256, HS256, HS384 or HS512.");
  }
  for (const std::string_view name : {"jwk", "jku", "x5u", "x5c", "crit", "b64"}) {
    if (header_->find(name)) {
      wrong("header_refused", fmt::format("Its header has \"{}\".", name),
            "Leave it out: keys come from the configuration alone, extensions are not taken.");
    }
  }
  issuer();
  key();
  const auto typ = text_member(*header_, "typ");
  std::string kind = typ.value_or("");
  for (char& c : kind) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (kind.starts_with("application/")) kind.erase(0, 12);
  const bool fits = kind == "at+jwt" || (trusted_ && (!typ || kind == "jwt"));
  if (!fits) {
    wrong("typ", typ ? fmt::format("Its typ is \"{}\".", shown(*typ)) : std::string("It has no typ."),
          trusted_ ? "Send an access token (typ JWT or at+jwt), not a refresh, id or logout token."
                   : "Our access tokens have typ at+jwt; this is another token, or another issuer's.");
  }
}

void Examination::issuer() {
  const auto iss = text_member(*payload_, "iss");
  own_ = iss && *iss == in_.issuer;
  for (const TrustedIssuer& trusted : in_.trusted) {
    if (iss && trusted.issuer == *iss) trusted_ = &trusted;
  }
  if (own_) return ok("issuer", "It says it is ours.");
  if (trusted_) return ok("issuer", fmt::format("It says it is of the trusted issuer {}.", trusted_->name));
  if (!iss) return wrong("issuer_missing", "It has no iss.", "Set `iss` when signing: the issuer is chosen by it.");
  const auto bare = [](std::string text) {
    while (text.ends_with('/')) text.pop_back();
    const std::size_t scheme = text.find("://");
    return scheme == std::string::npos ? text : text.substr(scheme + 3);
  };
  std::vector<std::string> known = {in_.issuer};
  for (const TrustedIssuer& trusted : in_.trusted) known.push_back(trusted.issuer);
  for (const std::string& name : known) {
    if (!name.empty() && bare(name) == bare(*iss)) {
      return wrong("issuer_near", fmt::format("Its iss is \"{}\", \"{}\" is configured.", shown(*iss), name),
                   "They must be equal letter for letter: mind the scheme and the slash at the end.");
    }
  }
  wrong("issuer_unknown", fmt::format("Its iss is \"{}\", which is neither ours nor trusted.", shown(*iss)),
        "Send it to whom it is for, or add its issuer as [[token.trusted]].");
}

/// Our keys where the token is ours or nobody's.
std::vector<const Key*> Examination::own_keys() {
  std::vector<const Key*> keys;
  if (!in_.ring) return keys;
  for (const Key& key : in_.ring->keys()) keys.push_back(&key);
  return keys;
}

std::vector<const Key*> Examination::usable_keys() {
  const auto kid = text_member(*header_, "kid");
  std::vector<const Key*> keys;
  if (trusted_) {
    if (!trusted_->jwks_url.empty()) {
      warn("keys_published", fmt::format("The keys of {} are published at {}.", trusted_->name, trusted_->jwks_url),
           "The signature is not checked here; the running server fetches them.");
      return keys;
    }
    for (const ForeignKey& foreign : trusted_->keys) {
      if (!kid || !foreign.named || foreign.key.kid() == *kid) keys.push_back(&foreign.key);
    }
    if (keys.empty())
      wrong("kid_unknown", fmt::format("No key of {} has its kid \"{}\".", trusted_->name, shown(kid.value_or(""))),
            "Give the issuer's present key set.");
    return keys;
  }
  if (!kid) {
    warn("kid_missing", "It has no kid: all keys of its algorithm are tried.",
         "Set `kid`, so that keys can be rotated.");
    return own_keys();
  }
  if (const Key* found = in_.ring ? in_.ring->find(*kid) : nullptr) {
    if (!found->usable(in_.now)) {
      wrong("kid_retired", fmt::format("Its key {} is retired.", shown(*kid)),
            "Get a new token: sign in again or renew.");
    }
    return {found};
  }
  for (const Key& former : in_.retired) {
    if (former.kid() == *kid) {
      wrong("kid_retired", fmt::format("Its key {} is retired.", shown(*kid)),
            "Get a new token: sign in again or renew.");
      return {&former};
    }
  }
  wrong("kid_unknown", fmt::format("No key here has its kid \"{}\".", shown(*kid)),
        "Compare with `gatecast keys list`: another server or another environment made it.");
  return own_keys();
}

void Examination::key() {
  const std::vector<const Key*> keys = usable_keys();
  if (keys.empty() || !algorithm_) return;
  std::vector<const Key*> fitting;
  for (const Key* each : keys) {
    if (each->algorithm() == *algorithm_) fitting.push_back(each);
  }
  if (fitting.empty()) {
    return wrong("alg_key",
                 fmt::format("Its alg is {}, the key {} is for {}.", name(*algorithm_), keys.front()->kid(),
                             name(keys.front()->algorithm())),
                 info(Errc::token_algorithm).cure);
  }
  if (trusted_ && !trusted_->algorithms.empty() &&
      std::find(trusted_->algorithms.begin(), trusted_->algorithms.end(), *algorithm_) == trusted_->algorithms.end()) {
    wrong("alg_narrowed", fmt::format("{} is not among the algorithms of {}.", name(*algorithm_), trusted_->name),
          "See token.trusted.algorithms.");
  }
  check_signature_with(fitting);
}

void Examination::check_signature_with(const std::vector<const Key*>& keys) {
  if (signature_.empty()) return;
  for (const Key* each : keys) {
    if (!each->verify(signing_input_, signature_)) continue;
    return ok("signature", fmt::format("The signature is good: key {}, {}, fingerprint {}.", each->kid(),
                                       name(each->algorithm()), each->fingerprint()));
  }
  wrong("signature",
        fmt::format("The signature is wrong: checked with key {}, fingerprint {}.", keys.front()->kid(),
                    keys.front()->fingerprint()),
        info(Errc::token_signature).cure);
  explain_signature();
}

void Examination::explain_signature() {
  const std::size_t size = signature_.size();
  if (*algorithm_ == Algorithm::es256 && size >= 68 && size <= 72 && signature_[0] == 0x30) {
    return wrong("signature_der", "The signature is DER, as OpenSSL writes it.",
                 "Write r and s as 32 bytes each (IEEE P1363; dsaEncoding: 'ieee-p1363' in Node).");
  }
  const std::size_t expected = *algorithm_ == Algorithm::hs256 ? 32U : *algorithm_ == Algorithm::hs384 ? 48U : 64U;
  if (*algorithm_ == Algorithm::rs256 ? size < 256 : size != expected) {
    return wrong("signature_size",
                 fmt::format("The signature has {} bytes, {} has another size: it was cut, or is another algorithm's.",
                             size, name(*algorithm_)),
                 "Copy all of the token.");
  }
  std::vector<const Key*> others = own_keys();
  for (const Key& former : in_.retired) others.push_back(&former);
  for (const TrustedIssuer& issuer : in_.trusted) {
    for (const ForeignKey& foreign : issuer.keys) others.push_back(&foreign.key);
  }
  for (const Key* other : others) {
    if (other->algorithm() == *algorithm_ && other->verify(signing_input_, signature_)) {
      return wrong("signature_other_key",
                   fmt::format("It was signed with the key {}, fingerprint {}.", other->kid(), other->fingerprint()),
                   "Its iss or kid names another key than the one that signed it; set them to fit.");
    }
  }
  if (!symmetric(*algorithm_)) return;
  auto found = find_secret_mistake(signing_input_, signature_, *algorithm_, in_.secrets);
  if (found.empty()) {
    warn("secret_unknown", "None of the known mistakes with secrets explains it.",
         "Compare fingerprints: printf %s \"$SECRET\" | sha256sum | cut -c1-16 on both sides.");
  }
  for (Finding& finding : found) findings_.push_back(std::move(finding));
}

void Examination::claims() {
  audience();
  times();
  if (own_) return own_claims();
  const bool subject = payload_->find("sub") || payload_->find("userId") || payload_->find("user_id");
  if (!subject) wrong("claim_missing", "It has none of sub, userId and user_id.", "Say whose it is in `sub`.");
}

void Examination::audience() {
  const std::string& wanted = trusted_ ? trusted_->audience : in_.audience;
  if (wanted.empty()) return;
  const JsonMember* member = payload_->find("aud");
  std::vector<std::string> named;
  if (member) {
    if (auto one = json_string(*member))
      named = {*std::move(one)};
    else
      named = json_strings(*member, 16).value_or(std::vector<std::string>{});
  }
  if (std::find(named.begin(), named.end(), wanted) != named.end()) return ok("audience", "It is for us.");
  wrong("audience",
        named.empty() ? fmt::format("It has no aud; \"{}\" is expected.", wanted)
                      : fmt::format("Its aud is \"{}\"; \"{}\" is expected.",
                                    shown(fmt::format("{}", fmt::join(named, ", "))), wanted),
        "Set `aud` when signing, or the audience here, to one value.");
}

std::optional<std::int64_t> Examination::time_claim(std::string_view name, bool needed) {
  constexpr std::int64_t kMilliseconds = 100'000'000'000;
  const JsonMember* member = payload_->find(name);
  if (!member) {
    if (needed) wrong("claim_missing", fmt::format("It has no {}.", name), "Set it when signing.");
    return std::nullopt;
  }
  const auto value = json_integer(*member);
  if (!value) {
    wrong("claim_type", fmt::format("Its {} is not a whole number.", name),
          "Write seconds since 1970 as a number: Math.floor(Date.now() / 1000).");
  } else if (*value > kMilliseconds) {
    wrong("time_milliseconds", fmt::format("Its {} is in milliseconds.", name),
          "Write seconds since 1970: Math.floor(Date.now() / 1000).");
    return std::nullopt;
  }
  return value;
}

void Examination::times() {
  const std::int64_t now = unix_seconds(in_.now);
  const std::int64_t leeway = trusted_ ? kForeignLeeway.count() : 0;
  constexpr std::string_view kZone =
      "That is near a whole number of hours: a clock or time zone is off; times are UTC.";
  const auto exp = time_claim("exp", true);
  const auto iat = time_claim("iat", own_);
  const auto nbf = time_claim("nbf", false);
  if (exp && now >= *exp + leeway) {
    const std::int64_t ago = now - *exp;
    const bool zone = looks_like_a_time_zone(ago) && iat && *iat + 60 >= *exp - 86'400;
    wrong(zone ? "expired_clock" : "expired", fmt::format("It expired {} ago.", duration_text(ago)),
          zone ? kZone : std::string_view("Get a new one: renew, or sign in again."));
  } else if (exp) {
    ok("expiry", fmt::format("It is good for {} more.", duration_text(std::max<std::int64_t>(*exp - now, 0))));
  }
  if (exp && iat && *exp <= *iat) wrong("life", "It ends before it was made.", "exp must lie after iat.");
  if (nbf && *nbf > now + leeway) {
    wrong("not_yet", fmt::format("It is good only in {}.", duration_text(*nbf - now)),
          "Compare the clocks of issuer and server; where it is an hour or more, the time zones.");
  }
  if (iat && *iat > now + 60) {
    warn("issued_in_future", fmt::format("It was made {} from now.", duration_text(*iat - now)),
         looks_like_a_time_zone(*iat - now) ? kZone
                                            : std::string_view("The issuer's clock is ahead, or the server's behind."));
  }
}

void Examination::own_claims() {
  for (const std::string_view name : {"sub", "sid", "jti"}) {
    const auto text = text_member(*payload_, name);
    if (!text || text->empty())
      wrong("claim_missing", fmt::format("It has no {}.", name),
            "Our tokens have it: this was made elsewhere with our key and iss.");
  }
  const JsonMember* gen = payload_->find("gen");
  if (!gen || json_integer(*gen).value_or(0) < 1) {
    wrong("claim_missing", "It has no gen.", "Our tokens have it: this was made elsewhere with our key and iss.");
  }
  const auto sid = text_member(*payload_, "sid");
  if (!sid) return;
  const auto bytes = base64url_decode(*sid);
  if (bytes && bytes->size() == kSidBytes) return ok("sid_form", "Its session id has the right form.");
  wrong("sid_form", "Its session id is none of ours.",
        "Sessions are made by signing in here; a token cannot bring its own.");
}

}  // namespace

std::vector<Finding> examine(std::string_view token, const DoctorInput& input) { return Examination(input).run(token); }

}  // namespace gatecast::token
