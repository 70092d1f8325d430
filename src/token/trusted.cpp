#include "token/trusted.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "metrics/registry.hpp"
#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

/// A token without `kid` is tried with no more keys than this, each of them a signature's check.
constexpr std::size_t kMaxTries = 8;
constexpr std::size_t kMaxJtiBytes = 64;
constexpr std::size_t kHashChars = 22;
constexpr Duration kAgeEvery = std::chrono::seconds{15};
/// Times beyond it (the year 2106) are read as this: what is counted in 32 bits and what is shown must not overflow.
constexpr std::int64_t kMaxTime = 4'294'967'295;

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// An access token or an untyped one; not what other kinds of JWT say they are (RFC 8725 §3.11).
Result<void> check_type(const Jws& jws, const JsonObject& claims) {
  if (jws.typ) {
    std::string typ = lower(*jws.typ);
    if (typ.starts_with("application/")) typ.erase(0, 12);
    if (typ != "jwt" && typ != "at+jwt") return fail(Errc::token_type, "typ is neither JWT nor at+jwt");
  }
  // Keycloak and Cognito say it in the claims, and sign refresh and access tokens with one key.
  for (const std::string_view name : {"typ", "token_use"}) {
    const JsonMember* member = claims.find(name);
    if (!member) continue;
    const std::string use = lower(json_string(*member).value_or(""));
    if (use == "refresh" || use == "offline") return fail(Errc::token_type, "a refresh token");
  }
  if (claims.find("channel") != nullptr) return fail(Errc::token_type, "a subscription token");
  return {};
}

Result<void> check_key(const Jws& jws, std::span<const ForeignKey> keys, std::span<const Algorithm> allowed) {
  const auto algorithm = algorithm_from_name(jws.alg);
  const bool narrowed =
      !allowed.empty() && algorithm && std::find(allowed.begin(), allowed.end(), *algorithm) == allowed.end();
  if (!algorithm || narrowed) return fail(Errc::token_algorithm, "the token's algorithm is not one of this issuer's");
  if (jws.kid && jws.kid->size() > kMaxKeyIdBytes) return fail(Errc::token_key_unknown, "the kid is too long");
  bool named = false;
  std::size_t tries = 0;
  for (const ForeignKey& foreign : keys) {
    if (jws.kid && foreign.named && foreign.key.kid() != *jws.kid) continue;
    named = true;
    if (foreign.key.algorithm() != *algorithm) continue;
    if (++tries > kMaxTries) break;
    if (foreign.key.verify(jws.signing_input, jws.signature)) return {};
  }
  if (!named) return fail(Errc::token_key_unknown, "no key of the issuer has the token's kid");
  if (tries == 0) return fail(Errc::token_algorithm, "the key is for another algorithm");
  return fail(Errc::token_signature, "no key of the issuer made the signature");
}

Error wrong(std::string_view claim) {
  return fail(Errc::token_claims, fmt::format("{} is missing, malformed or not as required", claim));
}

/// A claim as text: a string, or an integer in digits, as some issuers number their users.
std::optional<std::string> subject_text(const JsonMember& member) {
  if (auto text = json_string(member)) return text;
  if (const auto number = json_integer(member); number && *number >= 0) return fmt::to_string(*number);
  return std::nullopt;
}

Result<std::string> read_subject(const JsonObject& object) {
  std::optional<std::string> subject;
  for (const std::string_view name : {"sub", "userId", "user_id"}) {
    const JsonMember* member = object.find(name);
    if (!member) continue;
    auto text = subject_text(*member);
    if (!text || (subject && *subject != *text)) return wrong("sub, userId or user_id");
    subject = std::move(text);
  }
  const bool fits = subject && !subject->empty() && subject->size() <= kMaxSubjectBytes;
  if (!fits) return wrong("sub, userId or user_id");
  const bool plain = std::none_of(subject->begin(), subject->end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  // U+0080 to U+009F are control characters of two bytes.
  for (std::size_t i = 0; plain && i + 1 < subject->size(); ++i) {
    if (static_cast<unsigned char>((*subject)[i]) == 0xC2 && static_cast<unsigned char>((*subject)[i + 1]) < 0xA0) {
      return wrong("sub, userId or user_id");
    }
  }
  if (!plain) return wrong("sub, userId or user_id");
  return *std::move(subject);
}

Result<void> read_times(const JsonObject& object, Claims& claims) {
  const auto read = [&object](std::string_view name) -> std::optional<std::optional<std::int64_t>> {
    const JsonMember* member = object.find(name);
    if (!member) return std::optional<std::int64_t>{};
    const auto value = json_integer(*member);
    if (!value) return std::nullopt;
    return value;
  };
  const auto exp = read("exp");
  if (!exp || !*exp) return wrong("exp");
  const auto iat = read("iat");
  if (!iat) return wrong("iat");
  const auto nbf = read("nbf");
  if (!nbf) return wrong("nbf");
  claims.exp = **exp;
  claims.iat = iat->value_or(0);
  claims.nbf = *nbf;
  return {};
}

Result<void> check_audience(const JsonObject& object, const std::string& wanted, Claims& claims) {
  if (const JsonMember* member = object.find("aud")) {
    if (auto one = json_string(*member)) {
      claims.aud = {*std::move(one)};
    } else if (auto several = json_strings(*member, 16)) {
      claims.aud = *std::move(several);
    } else {
      return wrong("aud");
    }
  }
  if (wanted.empty() || std::find(claims.aud.begin(), claims.aud.end(), wanted) != claims.aud.end()) return {};
  return fail(Errc::token_audience, fmt::format("expected {}", wanted));
}

Result<void> check_times(const Claims& claims, WallTime now) {
  const std::int64_t seconds = unix_seconds(now);
  const std::int64_t leeway = kForeignLeeway.count();
  if (seconds >= claims.exp + leeway) {
    return fail(Errc::token_expired, fmt::format("expired {} s ago", seconds - claims.exp));
  }
  if (claims.nbf && *claims.nbf > seconds + leeway) {
    return fail(Errc::token_not_yet_valid, fmt::format("valid in {} s", *claims.nbf - seconds));
  }
  return {};
}

/// A string or number equal to `value`, `true` or `false`, or an array of strings that holds it.
bool has_value(const JsonMember& member, const std::string& value) {
  if (const auto text = json_string(member)) return *text == value;
  if (const auto several = json_strings(member, kMaxMembers)) {
    return std::find(several->begin(), several->end(), value) != several->end();
  }
  return (member.kind == JsonKind::integer || member.kind == JsonKind::boolean) && member.raw == value;
}

std::string stand_in_sid(const std::string& name, const std::string& jti, std::string_view token) {
  const bool plain = !jti.empty() && jti.size() <= kMaxJtiBytes &&
                     std::all_of(jti.begin(), jti.end(), [](char c) { return c > ' ' && c < 0x7F; });
  const std::string id = plain ? jti : base64url_encode(crypto::sha256(token)).substr(0, kHashChars);
  return fmt::format("{}{}:{}", kForeignSidPrefix, name, id);
}

std::optional<std::string> issuer_of(const JsonObject& object) {
  const JsonMember* member = object.find("iss");
  return member ? json_string(*member) : std::nullopt;
}

Result<ForeignClaims> read_foreign(const JsonObject& object, const TrustedIssuer& issuer, std::string_view token,
                                   WallTime now) {
  Claims claims;
  claims.iss = issuer.issuer;
  claims.gen = 0;
  auto subject = read_subject(object);
  if (!subject) return std::move(subject.error());
  if (auto read = read_times(object, claims); !read) return std::move(read.error());
  if (auto good = check_audience(object, issuer.audience, claims); !good) return std::move(good.error());
  for (const auto& [name, value] : issuer.required) {
    const JsonMember* member = object.find(name);
    if (!member || !has_value(*member, value)) return wrong(name);
  }
  if (auto good = check_times(claims, now); !good) return std::move(good.error());
  if (const JsonMember* jti = object.find("jti")) claims.jti = json_string(*jti).value_or("");
  claims.sub = issuer.subject == SubjectRule::same ? *subject : fmt::format("{}:{}", issuer.name, *subject);
  claims.sid = stand_in_sid(issuer.name, claims.jti, token);
  claims.exp = std::min(claims.exp, kMaxTime);
  claims.iat = std::clamp<std::int64_t>(claims.iat, 0, kMaxTime);
  claims.extra_json = further_claims(object);
  return ForeignClaims{issuer.name, std::move(claims)};
}

}  // namespace

struct TrustedVerifier::Entry {
  TrustedIssuer issuer;
  std::shared_ptr<KeySet> set;  // where there is a jwks_url
};

TrustedVerifier::TrustedVerifier(std::vector<Entry> entries, const Clock& clock)
    : entries_(std::move(entries)), clock_(clock) {}
TrustedVerifier::~TrustedVerifier() {
  if (timer_ != 0) std::abort();
}

Result<std::unique_ptr<TrustedVerifier>> TrustedVerifier::make(std::vector<TrustedIssuer> issuers,
                                                               std::string_view own_issuer,
                                                               outbound::Outbound* outbound, const Clock& clock,
                                                               const TrustedVerifier* former) {
  const auto refuse = [](std::string why) { return fail(Errc::config_invalid, std::move(why)); };
  if (issuers.size() > kMaxTrustedIssuers) return refuse("over 32 trusted issuers");
  std::vector<Entry> entries;
  for (TrustedIssuer& issuer : issuers) {
    if (!good_name(issuer.name)) return refuse("a trusted issuer's name has 1 to 32 of a-z, 0-9, - and _");
    if (issuer.issuer.empty()) return refuse(fmt::format("trusted issuer {} has no iss", issuer.name));
    if (issuer.issuer == own_issuer) return refuse(fmt::format("trusted issuer {} has our own iss", issuer.name));
    for (const Entry& other : entries) {
      if (other.issuer.name == issuer.name || other.issuer.issuer == issuer.issuer) {
        return refuse(fmt::format("trusted issuers {} and {} share name or iss", other.issuer.name, issuer.name));
      }
    }
    std::shared_ptr<KeySet> set;
    if (!issuer.jwks_url.empty()) {
      if (auto good = outbound::check_url(issuer.jwks_url); !good) return std::move(good.error());
      if (outbound == nullptr) return refuse("no way to fetch keys");
      if (former != nullptr) set = former->shared_set(issuer);
      if (!set) set = std::make_shared<KeySet>(issuer.name, issuer.jwks_url, *outbound, clock);
    } else if (issuer.keys.empty()) {
      return refuse(fmt::format("trusted issuer {} has no key", issuer.name));
    }
    entries.push_back({std::move(issuer), std::move(set)});
  }
  return std::unique_ptr<TrustedVerifier>(new TrustedVerifier(std::move(entries), clock));
}

const TrustedVerifier::Entry* TrustedVerifier::find(std::string_view issuer) const {
  const auto at =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.issuer.issuer == issuer; });
  return at == entries_.end() ? nullptr : &*at;
}

bool TrustedVerifier::claims_to_be(std::string_view token) const {
  if (entries_.empty()) return false;
  const auto parts = split_jws(token);
  if (!parts) return false;
  const auto payload = base64url_decode(parts->payload);
  const auto object = payload ? JsonObject::parse(*payload) : std::nullopt;
  const auto issuer = object ? issuer_of(*object) : std::nullopt;
  return issuer && find(*issuer) != nullptr;
}

/// `may_wait`: an unknown key is a reason to fetch, where that is allowed; `wait_for` is then the set to wait for.
Result<void> TrustedVerifier::check_key_of(const Entry& entry, const Jws& jws, bool may_wait, KeySet** wait_for) const {
  const std::shared_ptr<const KeySet::Keys> fetched = entry.set ? entry.set->keys() : nullptr;
  const bool none = entry.set && !fetched;
  Result<void> key = none ? Result<void>(fail(Errc::temporarily_unavailable, "the issuer's keys are not known yet"))
                          : check_key(jws, fetched ? *fetched : entry.issuer.keys, entry.issuer.algorithms);
  if (key) return key;
  const bool unknown = none || key.error().code == Errc::token_key_unknown;
  if (!unknown || !may_wait || !entry.set || !entry.set->may_fetch()) return key;
  if (wait_for != nullptr) {
    *wait_for = entry.set.get();
  } else {
    entry.set->want();
  }
  return fail(Errc::temporarily_unavailable, "the issuer's keys must be fetched");
}

Result<ForeignClaims> TrustedVerifier::judge(std::string_view token, WallTime now, bool may_wait,
                                             KeySet** wait_for) const {
  const auto jws = parse_jws(token);
  if (!jws) return jws.error();
  const auto object = JsonObject::parse(jws->payload);
  if (!object) return fail(Errc::token_malformed, "the payload is not one JSON object");
  const auto issuer = issuer_of(*object);
  const Entry* entry = issuer ? find(*issuer) : nullptr;
  if (!entry) return fail(Errc::token_issuer, "no trusted issuer has this iss");

  if (auto good = check_key_of(*entry, *jws, may_wait, wait_for); !good) return std::move(good.error());
  if (auto good = check_type(*jws, *object); !good) return std::move(good.error());
  return read_foreign(*object, entry->issuer, token, now);
}

const TrustedVerifier::Entry* TrustedVerifier::find_by_sid(std::string_view sid) const {
  if (!sid.starts_with(kForeignSidPrefix)) return nullptr;
  sid.remove_prefix(kForeignSidPrefix.size());
  const std::string_view name = sid.substr(0, sid.find(':'));
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.issuer.name == name; });
  return at == entries_.end() ? nullptr : &*at;
}

Result<SubscriptionToken> TrustedVerifier::verify_subscription(std::string_view token, std::string_view sid,
                                                               WallTime now) const {
  const Entry* entry = find_by_sid(sid);
  if (!entry) return fail(Errc::token_issuer, "the session is of no trusted issuer");
  const auto jws = parse_jws(token);
  if (!jws) return jws.error();
  const auto object = JsonObject::parse(jws->payload);
  if (!object) return fail(Errc::token_malformed, "the payload is not one JSON object");
  if (auto good = check_key_of(*entry, *jws, true, nullptr); !good) return std::move(good.error());
  auto read = read_subscription_token(*jws, *object, {entry->issuer.issuer, entry->issuer.audience}, now);
  if (read && entry->issuer.subject == SubjectRule::prefix && !read->user.empty()) {
    read->user = fmt::format("{}:{}", entry->issuer.name, read->user);
  }
  return read;
}

Result<ForeignClaims> TrustedVerifier::verify(std::string_view token, WallTime now) const {
  return judge(token, now, true, nullptr);
}

Task<Result<ForeignClaims>> TrustedVerifier::verify_async(std::string token) {
  KeySet* wait_for = nullptr;
  Result<ForeignClaims> claims = judge(token, clock_.wall(), true, &wait_for);
  if (wait_for == nullptr) co_return claims;
  co_await wait_for->refreshed();
  Result<ForeignClaims> again = judge(token, clock_.wall(), false, nullptr);
  co_return again;
}

void TrustedVerifier::start(Loop& loop) {
  loop_ = &loop;
  for (Entry& entry : entries_) {
    if (entry.set) entry.set->start(loop);
  }
  watch_age();
}

std::shared_ptr<KeySet> TrustedVerifier::shared_set(const TrustedIssuer& issuer) const {
  for (const Entry& entry : entries_) {
    if (entry.issuer.name == issuer.name && entry.issuer.jwks_url == issuer.jwks_url) return entry.set;
  }
  return nullptr;
}

/// The gauge has one writer: this loop's thread.
void TrustedVerifier::watch_age() {
  std::int64_t oldest = 0;
  for (const Entry& entry : entries_) {
    if (entry.set) oldest = std::max<std::int64_t>(oldest, entry.set->age().count());
  }
  metrics::gauge_set<"jwks_age_seconds">(oldest);
  timer_ = loop_->after(kAgeEvery, [this] {
    timer_ = 0;
    watch_age();
  });
}

Task<void> TrustedVerifier::stop(const TrustedVerifier* successor) {
  if (timer_ != 0) loop_->cancel(std::exchange(timer_, 0));
  for (Entry& entry : entries_) {
    if (!entry.set) continue;
    const bool shared = successor != nullptr && successor->shared_set(entry.issuer) == entry.set;
    if (!shared) co_await entry.set->stop();
  }
}

}  // namespace gatecast::token
