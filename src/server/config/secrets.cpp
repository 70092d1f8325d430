#include <filesystem>

#include "core/lock_file.hpp"
#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "server/config/check.hpp"
#include "server/config/keys.hpp"
#include "server/config/table.hpp"
#include "server/config/value.hpp"
#include "token/key_file.hpp"
#include "token/key_folder.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kMakeSecret = "openssl rand -base64 48";

/// Words people leave in a configuration. Whole values only: a real key may contain any of them.
constexpr std::string_view kWords[] = {
    "secret",      "password",     "passwd",       "default",        "example",
    "test",        "testing",      "changeme",     "change-me",      "change_me",
    "supersecret", "super-secret", "super_secret", "topsecret",      "placeholder",
    "todo",        "dev",          "development",  "gatecast",       "admin",
    "key",         "apikey",       "api-key",      "token",          "jwt",
    "jwtsecret",   "jwt-secret",   "jwt_secret",   "mysecret",       "my-secret",
    "my_secret",   "secretkey",    "secret-key",   "secret_key",     "your-secret-key",
    "none",        "null",         "undefined",    "nextauth_secret"};

/// What kind of placeholder the value is, or "".
std::string placeholder(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  bool same = !lower.empty() && lower.find_first_not_of(lower[0]) == std::string::npos;
  if (same) return "is one character repeated";
  for (std::string_view word : kWords) {
    if (lower == word) return "is a well-known default";
  }
  bool brackets = (lower.front() == '<' && lower.back() == '>') || (lower.front() == '[' && lower.back() == ']') ||
                  lower.starts_with("${") || lower.starts_with("{{");
  if (brackets) return "is a placeholder that was never filled in";
  for (std::string_view start :
       {"your-", "your_", "my-", "my_", "changeme", "change-me", "replace", "insert-", "xxxx"}) {
    if (lower.starts_with(start)) return "is a placeholder that was never filled in";
  }
  return "";
}

/// The rest of a file after its last newline is removed; editors and `openssl rand` put one there.
Secret without_newline(const Secret& text) {
  std::string_view bytes = text.expose();
  if (bytes.ends_with('\n')) bytes.remove_suffix(1);
  return Secret(std::string(bytes));
}

Result<Secret> read_secret_file(const std::string& path) {
  auto content = token::read_private_file(path);
  if (!content) return std::move(content.error());
  return without_newline(*content);
}

token::SecretEncoding encoding_of(const std::string& name) {
  return token::secret_encoding_from_name(name).value_or(token::SecretEncoding::text);
}

/// One secret's checks; the bytes are usable where `true` is returned.
class SecretCheck {
 public:
  SecretCheck(Loaded& loaded) : loaded_(loaded), report_(loaded) {}

  bool check(const std::string& key, const Secret& written, const std::string& encoding, Secret& out) {
    auto decoded = token::decode_secret(written, encoding_of(encoding));
    if (!decoded) {
      refuse(key, decoded.error());
      return false;
    }
    std::string weak = placeholder(written.expose());
    if (auto strength = token::check_strength(*decoded); weak.empty() && !strength)
      weak = plain(strength.error().detail);
    if (!weak.empty() && !loaded_.config.dev) {
      report_.error(key, "the secret " + weak, fmt::format("Make a good one: {}", kMakeSecret));
      return false;
    }
    if (!weak.empty()) {
      report_.warn(key, fmt::format("the secret {}; --dev lets it pass", weak),
                   fmt::format("Make a good one: {}", kMakeSecret));
    }
    out = std::move(*decoded);
    return true;
  }
  void refuse(const std::string& key, const Error& error) {
    std::string cure(info(error.code).cure);
    if (error.code == Errc::secret_form) cure = "Remove them; as they stand they would be part of the key.";
    if (error.code == Errc::secret_missing) cure = fmt::format("Make a good one: {}", kMakeSecret);
    report_.error(key, error.detail.empty() ? std::string(info(error.code).message) : error.detail, cure);
  }
  Reporter& report() { return report_; }

 private:
  static std::string plain(std::string_view detail) {
    constexpr std::string_view start = "the secret ";
    return std::string(detail.starts_with(start) ? detail.substr(start.size()) : detail);
  }
  Loaded& loaded_;
  Reporter report_;
};

/// Says that a whole list of keys is missing, and where it was looked for.
void missing(Loaded& loaded, const LoadOptions& options, std::string_view array, const std::string& cure) {
  std::string looked = options.file.empty() ? "no --config file was given" : options.file + " has none";
  if (array == "token.key" && !loaded.app_key_looked.empty()) looked += ", " + loaded.app_key_looked;
  loaded.findings.push_back({Finding::Level::error, options.file.empty() ? "--config" : options.file,
                             std::string(array),
                             fmt::format("no key: {}, {} is not set", looked, environment_name(array)), cure});
}

void check_token_keys(Loaded& loaded, const LoadOptions& options, SecretCheck& check) {
  Config& c = loaded.config;
  auto managed = managed_keys(c);
  if (!managed) check.refuse("token.key_dir", managed.error());
  if (c.token.keys.empty() && !managed_signs(c)) {
    missing(loaded, options, "token.key",
            "gatecast keys new --out token-key.pem, then [[token.key]] file = \"token-key.pem\"; or start with --dev.");
    return;
  }
  std::vector<token::Key> made;
  for (std::size_t i = 0; i < c.token.keys.size(); ++i) {
    TokenKey& key = c.token.keys[i];
    std::string path = fmt::format("token.key[{}]", i);
    if (key.algorithm.empty()) key.algorithm = c.token.algorithm;
    bool symmetric = token::symmetric(token::algorithm_from_name(key.algorithm).value_or(token::Algorithm::eddsa));
    std::string member = path + (key.file.empty() ? ".secret" : ".file");
    if (key.file.empty() == key.secret.empty()) {
      bool both = !key.file.empty();
      check.report().error(member, both ? "has both secret and file" : "has neither secret nor file",
                           symmetric ? fmt::format("Give one; a good secret: {}", kMakeSecret)
                                     : "Give file; make one: gatecast keys new --out token-key.pem");
      continue;
    }
    if (!symmetric && key.file.empty()) {
      check.report().error(
          path + ".secret", fmt::format("{} keys are files, not secrets", key.algorithm),
          "Write file = \"token-key.pem\" (gatecast keys new --out token-key.pem), or algorithm = \"HS256\".");
      continue;
    }
    if (symmetric) {
      Secret decoded;
      auto written = key.file.empty() ? Result<Secret>(key.secret) : read_secret_file(key.file);
      if (!written) {
        check.refuse(member, written.error());
        continue;
      }
      if (!check.check(member, *written, key.secret_encoding, decoded)) continue;
    }
    auto token_key = make_token_key(c, key);
    if (!token_key) {
      check.refuse(member, token_key.error());
      continue;
    }
    key.kid = token_key->kid();
    key.fingerprint = token_key->fingerprint();
    if (!token_key->usable(SystemClock{}.wall())) {
      check.report().warn(path + ".use_until", "lies in the past: the key verifies nothing", "Remove the key.");
    }
    made.push_back(std::move(*token_key));
  }
  const auto is_app_key = [&loaded](const TokenKey& key) { return key.fingerprint == loaded.app_key.fingerprint; };
  if (!loaded.app_key.where.empty() && made.size() == c.token.keys.size() &&
      std::none_of(c.token.keys.begin(), c.token.keys.end(), is_app_key)) {
    check.report().error("token.key",
                         fmt::format("is not the application's key: fingerprint {}, that of {} is {}",
                                     c.token.keys[0].fingerprint, loaded.app_key.where, loaded.app_key.fingerprint),
                         "Let both have the same secret, or remove one of the two.");
  }
  if (made.size() == c.token.keys.size() && managed) {
    for (token::Key& key : *managed) made.push_back(std::move(key));
    if (auto ring = token::KeyRing::make(std::move(made)); !ring) check.refuse("token.key", ring.error());
  }
}

void check_session_keys(Loaded& loaded, const LoadOptions& options, SecretCheck& check) {
  Config& c = loaded.config;
  if (c.session.keys.empty()) {
    missing(loaded, options, "session.key",
            fmt::format("{} > session.key, then [[session.key]] file = \"session.key\"; or start with --dev.",
                        kMakeSecret));
  }
  for (std::size_t i = 0; i < c.session.keys.size(); ++i) {
    SessionKey& key = c.session.keys[i];
    std::string path = fmt::format("session.key[{}]", i);
    std::string member = path + (key.file.empty() ? ".secret" : ".file");
    if (key.file.empty() == key.secret.empty()) {
      check.report().error(member, key.file.empty() ? "has neither secret nor file" : "has both secret and file",
                           fmt::format("Give one; a good secret: {}", kMakeSecret));
      continue;
    }
    auto written = key.file.empty() ? Result<Secret>(key.secret) : read_secret_file(key.file);
    if (!written) {
      check.refuse(member, written.error());
      continue;
    }
    if (!check.check(member, *written, key.secret_encoding, key.material)) continue;
    key.fingerprint = token::fingerprint(key.material.expose());
    if (key.use_until && *key.use_until <= SystemClock{}.wall()) {
      check.report().warn(path + ".use_until", "lies in the past: sessions of this key are unknown", "Remove the key.");
    }
    for (std::size_t t = 0; t < c.token.keys.size(); ++t) {
      if (c.token.keys[t].fingerprint == key.fingerprint) {
        check.report().error(member,
                             fmt::format("is the same key as token.key[{}], fingerprint {}", t, key.fingerprint),
                             fmt::format("Who learns one must not have the other; make another: {}", kMakeSecret));
      }
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (c.session.keys[j].fingerprint == key.fingerprint) {
        check.report().error(member, fmt::format("is the same key as session.key[{}]", j), "Remove one of the two.");
      }
    }
  }
}

/// "ab12:cd34:ef56:7890" of a digest of 32 bytes.
std::string short_fingerprint(std::string_view digest) {
  const std::string hex = hex_encode(digest.substr(0, 8));
  return fmt::format("{}:{}:{}:{}", hex.substr(0, 4), hex.substr(4, 4), hex.substr(8, 4), hex.substr(12, 4));
}

void check_api_keys(Loaded& loaded, SecretCheck& check) {
  Config& c = loaded.config;
  for (std::size_t i = 0; i < c.api_keys.size(); ++i) {
    ApiKey& key = c.api_keys[i];
    std::string path = fmt::format("api.key[{}]", i);
    if (key.sha256.empty() == key.secret.empty()) {
      check.report().error(path + ".sha256", key.sha256.empty() ? "is missing" : "stands beside secret: give one",
                           "gatecast apikey new NAME makes a key and prints the lines for this file.");
      continue;
    }
    if (!key.sha256.empty()) {
      auto digest = hex_decode(key.sha256);
      if (!digest || digest->size() != 32) {
        check.report().error(path + ".sha256", "is not the 64 hex digits of a SHA-256",
                             "printf %s KEY | sha256sum, or: gatecast apikey new NAME");
        continue;
      }
      key.digest = std::move(*digest);
    } else {
      Secret decoded;
      if (!check.check(path + ".secret", key.secret, "text", decoded)) continue;
      key.digest = crypto::sha256(decoded.expose());
    }
    key.fingerprint = short_fingerprint(key.digest);
    if (key.scopes.empty() && check.report().given(path + ".scopes")) {
      check.report().error(path + ".scopes", "is empty: the key could do nothing",
                           "Name what it may do: scopes = [\"publish\"].");
    }
    if (key.use_until && *key.use_until <= SystemClock{}.wall()) {
      check.report().warn(path + ".use_until", "lies in the past: the key is refused", "Remove the key.");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (c.api_keys[j].name == key.name)
        check.report().error(path + ".name", "is there twice", "Name each key differently.");
      if (c.api_keys[j].digest == key.digest) {
        check.report().error(path + ".sha256", fmt::format("is the same key as api.key[{}]", j),
                             "Make a key for each.");
      }
    }
  }
}

void check_operators(Loaded& loaded, SecretCheck& check) {
  auto& operators = loaded.config.ops.operators;
  for (std::size_t i = 0; i < operators.size(); ++i) {
    Operator& one = operators[i];
    const std::string path = fmt::format("ops.operator[{}]", i);
    auto digest = hex_decode(one.sha256);
    if (!digest || digest->size() != 32) {
      check.report().error(path + ".sha256", "is not the 64 hex digits of a SHA-256",
                           "gatecast operator new NAME makes a token and prints the lines for this file.");
      continue;
    }
    one.digest = std::move(*digest);
    if (one.name.find_first_not_of("0123456789") == std::string::npos) {
      check.report().error(path + ".name", "is a number", "In the audit log a number is a user of the machine.");
    }
    one.fingerprint = short_fingerprint(one.digest);
    for (std::size_t j = 0; j < i; ++j) {
      if (operators[j].name == one.name)
        check.report().error(path + ".name", "is there twice", "Name each operator differently.");
      if (operators[j].digest == one.digest) {
        check.report().error(path + ".sha256", fmt::format("is the same token as ops.operator[{}]", j),
                             "Make a token for each.");
      }
    }
    for (const ApiKey& key : loaded.config.api_keys) {
      if (key.digest == one.digest) {
        check.report().error(path + ".sha256", fmt::format("is the same secret as api.key {}", key.name),
                             "An application's key is not an operator's token: make another.");
      }
    }
  }
}

/// A file --dev keeps in data.dir: made once, then found again. False where it is not there and may not be made.
bool dev_file(Loaded& loaded, const LoadOptions& options, const std::string& path, std::string_view key, auto make) {
  std::error_code ec;
  if (std::filesystem::exists(path, ec)) return true;
  if (!options.make_dev_keys) return false;
  auto folder = make_private_folder(loaded.config.data.dir);
  Result<void> made = folder ? make() : folder;
  // Another start at the same moment may have made it: its key is as good.
  if (made || made.error().code == Errc::store_conflict) return true;
  loaded.findings.push_back({Finding::Level::error, "--dev", std::string(key), made.error().detail,
                             "Make data.dir writable, or use another with --set data.dir=FOLDER."});
  return false;
}

Result<void> write_random(const std::string& path) {
  return token::write_private_file(path, Secret(base64url_encode(crypto::random_bytes(36)) + "\n"));
}

}  // namespace

Result<token::Key> make_token_key(const Config& config, const TokenKey& key) {
  auto algorithm = token::algorithm_from_name(key.algorithm.empty() ? config.token.algorithm : key.algorithm);
  if (!algorithm) return fail(Errc::config_invalid, "unknown algorithm");
  Result<token::Key> made = Errc::config_invalid;
  if (!token::symmetric(*algorithm)) {
    made = token::load_key_file(key.file, key.kid);
    if (made && made->algorithm() != *algorithm) {
      return fail(Errc::key_invalid, fmt::format("{} holds an {} key, the algorithm is {}", key.file,
                                                 token::name(made->algorithm()), token::name(*algorithm)));
    }
  } else {
    auto text = key.file.empty() ? Result<Secret>(key.secret) : read_secret_file(key.file);
    if (!text) return std::move(text.error());
    made = token::Key::from_secret(*algorithm, *text, encoding_of(key.secret_encoding), key.kid,
                                   config.dev ? token::WeakSecrets::allow : token::WeakSecrets::refuse);
  }
  if (made) made->set_use_until(key.use_until);
  return made;
}

Result<token::KeyRing> make_key_ring(const Config& config) {
  std::vector<token::Key> keys;
  for (const TokenKey& key : config.token.keys) {
    auto made = make_token_key(config, key);
    if (!made) return std::move(made.error());
    keys.push_back(std::move(*made));
  }
  auto managed = managed_keys(config);
  if (!managed) return std::move(managed.error());
  for (token::Key& key : *managed) keys.push_back(std::move(key));
  return token::KeyRing::make(std::move(keys));
}

Result<std::vector<token::Key>> managed_keys(const Config& config) {
  if (config.token.key_dir.empty()) return std::vector<token::Key>{};
  auto folder = token::KeyFolder::open(config.token.key_dir);
  if (!folder) return std::move(folder.error());
  return folder->load(SystemClock{}.wall());
}

bool managed_signs(const Config& config) {
  if (config.token.key_dir.empty()) return false;
  const auto folder = token::KeyFolder::open(config.token.key_dir);
  return folder && folder->signs();
}

void make_dev_keys(Loaded& loaded, const LoadOptions& options) {
  Config& c = loaded.config;
  // With errors nothing starts, and data.dir may not be the one meant.
  if (!loaded.ok()) return;
  auto file = [&](const char* name) { return join_path(c.data.dir, name); };
  std::string token_path = file("dev-token-key.pem");
  if (c.token.keys.empty() && !loaded.origins.contains("token.key") && !managed_signs(c) &&
      dev_file(loaded, options, token_path, "token.key", [&]() -> Result<void> {
        auto key = token::generate_key_file(token_path, token::Algorithm::eddsa);
        if (!key) return std::move(key.error());
        return {};
      })) {
    c.token.keys.push_back({.algorithm = "EdDSA", .file = token_path});
    loaded.origins["token.key"] = "--dev";
  }
  std::string session_path = file("dev-session.key");
  if (c.session.keys.empty() && !loaded.origins.contains("session.key") &&
      dev_file(loaded, options, session_path, "session.key", [&] { return write_random(session_path); })) {
    c.session.keys.push_back({.id = "dev", .file = session_path});
    loaded.origins["session.key"] = "--dev";
  }
  std::string api_path = file("dev-api.key");
  if (c.api_keys.empty() && !loaded.origins.contains("api.key") &&
      dev_file(loaded, options, api_path, "api.key", [&] { return write_random(api_path); })) {
    auto secret = read_secret_file(api_path);
    if (secret) c.api_keys.push_back({.name = "dev", .secret = std::move(*secret), .scopes = {"all"}});
    loaded.origins["api.key"] = "--dev";
  }
  std::string operator_path = file("dev-operator.key");
  if (c.ops.operators.empty() && !loaded.origins.contains("ops.operator") &&
      dev_file(loaded, options, operator_path, "ops.operator", [&] { return write_random(operator_path); })) {
    auto secret = read_secret_file(operator_path);
    if (secret) {
      c.ops.operators.push_back({.name = "dev", .sha256 = hex_encode(crypto::sha256(secret->expose())), .role = "act"});
    }
    loaded.origins["ops.operator"] = "--dev";
  }
}

void check_secrets(Loaded& loaded, const LoadOptions& options) {
  SecretCheck check(loaded);
  // `config check --dev` before the first start: the keys are not there yet and will be made.
  bool later = options.dev && !options.make_dev_keys;
  const Config& c = loaded.config;
  if (!(later && c.token.keys.empty())) check_token_keys(loaded, options, check);
  if (!(later && c.session.keys.empty())) check_session_keys(loaded, options, check);
  check_api_keys(loaded, check);
  check_operators(loaded, check);
}

}  // namespace gatecast::server
