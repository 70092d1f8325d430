#include "token/key_folder.hpp"

#include <algorithm>
#include <filesystem>

#include "core/lock_file.hpp"
#include "core/text_form.hpp"
#include "crypto/random.hpp"
#include "token/json_object.hpp"
#include "token/key_file.hpp"

namespace gatecast::token {
namespace {

constexpr std::size_t kMaxManaged = 64;
constexpr std::size_t kIdChars = 12;
constexpr std::size_t kStatesBytes = 64 * 1024;
constexpr KeyState kStates[] = {KeyState::waiting, KeyState::active, KeyState::leaving, KeyState::retired};

/// What `add` makes: nothing that could leave the folder or be taken for an option.
bool good_id(std::string_view kid) {
  return kid.size() == kIdChars && kid.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos;
}

std::optional<ManagedKey> read_key(std::string_view json) {
  const auto object = JsonObject::parse(json);
  if (!object) return std::nullopt;
  const auto text = [&object](std::string_view which) {
    const JsonMember* member = object->find(which);
    return member ? json_string(*member).value_or("") : std::string{};
  };
  ManagedKey key{.kid = text("kid"), .fingerprint = text("fingerprint")};
  const auto algorithm = algorithm_from_name(text("algorithm"));
  const std::string state = text("state");
  const auto at = std::find_if(std::begin(kStates), std::end(kStates), [&](KeyState s) { return name(s) == state; });
  if (!good_id(key.kid) || !algorithm || at == std::end(kStates)) return std::nullopt;
  key.algorithm = *algorithm;
  key.state = *at;
  if (const JsonMember* until = object->find("use_until")) {
    const auto seconds = json_integer(*until);
    if (!seconds) return std::nullopt;
    key.use_until = from_unix_seconds(*seconds);
  }
  return key;
}

std::string write_key(const ManagedKey& key) {
  std::string out = fmt::format(R"({{"kid":"{}","algorithm":"{}","state":"{}","fingerprint":"{}")", key.kid,
                                name(key.algorithm), name(key.state), key.fingerprint);
  if (key.use_until) out += fmt::format(R"(,"use_until":{})", unix_seconds(*key.use_until));
  return out + '}';
}

bool in_use(const ManagedKey& key, WallTime now) {
  return key.state != KeyState::retired && (!key.use_until || now < *key.use_until);
}

WallTime leaving_until(WallTime now, std::chrono::seconds access_ttl) {
  return std::chrono::ceil<std::chrono::seconds>(now) + access_ttl + kKeyOverlap;
}

}  // namespace

std::string_view name(KeyState state) {
  switch (state) {
    case KeyState::waiting: return "waiting";
    case KeyState::active: return "active";
    case KeyState::leaving: return "leaving";
    case KeyState::retired: return "retired";
  }
  return "";
}

Result<KeyFolder> KeyFolder::open(std::string path) {
  KeyFolder folder(std::move(path));
  if (auto read = folder.read(); !read) return std::move(read.error());
  return folder;
}

Result<void> KeyFolder::read() {
  keys_.clear();
  const std::string file = path_ + "/keys.json";
  std::error_code ec;
  if (!std::filesystem::exists(file, ec) && !ec) return {};
  const auto text = read_private_file(file, kStatesBytes);
  if (!text) return text.error();
  const auto object = JsonObject::parse(text->expose());
  const JsonMember* list = object ? object->find("keys") : nullptr;
  const auto items = list ? json_items(*list, kMaxManaged) : std::nullopt;
  if (!items) return fail(Errc::key_invalid, file + ": not a list of keys");
  for (const std::string_view item : *items) {
    auto key = read_key(item);
    if (!key) return fail(Errc::key_invalid, file + ": an entry is malformed");
    keys_.push_back(*std::move(key));
  }
  const auto active =
      std::count_if(keys_.begin(), keys_.end(), [](const auto& k) { return k.state == KeyState::active; });
  if (active > 1) return fail(Errc::key_invalid, file + ": two keys are active");
  return {};
}

Result<void> KeyFolder::write() {
  // Retired keys are remembered for those who ask why a token is refused, but not without end.
  while (keys_.size() > kMaxManaged) {
    const auto oldest =
        std::find_if(keys_.begin(), keys_.end(), [](const auto& k) { return k.state == KeyState::retired; });
    if (oldest == keys_.end()) return fail(Errc::store_conflict, "over 64 keys; retire some");
    keys_.erase(oldest);
  }
  std::string text = "{\"keys\":[";
  for (const ManagedKey& key : keys_) text += (text.ends_with('[') ? "\n" : ",\n") + write_key(key);
  return replace_private_file(path_ + "/keys.json", Secret(text + "\n]}\n"));
}

ManagedKey* KeyFolder::find(std::string_view kid) {
  const auto at = std::find_if(keys_.begin(), keys_.end(), [&](const ManagedKey& k) { return k.kid == kid; });
  return at == keys_.end() ? nullptr : &*at;
}

std::string KeyFolder::file_of(const ManagedKey& key) const {
  return fmt::format("{}/{}.{}", path_, key.kid, symmetric(key.algorithm) ? "secret" : "pem");
}

/// Reads what is there now, changes it, writes it, all under the folder's lock.
template <class Change>
Result<void> KeyFolder::change(Change make) {
  if (auto folder = make_private_folder(path_); !folder) return folder;
  auto lock = LockFile::take(path_ + "/lock");
  if (!lock) return fail(Errc::store_conflict, lock.error().detail);
  if (auto fresh = read(); !fresh) return fresh;
  if (auto made = make(); !made) return made;
  return write();
}

bool KeyFolder::signs() const {
  return std::any_of(keys_.begin(), keys_.end(), [](const ManagedKey& k) { return k.state == KeyState::active; });
}

Result<Key> KeyFolder::read_material(const ManagedKey& managed) const {
  const std::string file = file_of(managed);
  const auto text = read_private_file(file);
  if (!text) return text.error();
  auto key = symmetric(managed.algorithm)
                 ? Key::from_secret(managed.algorithm, *text, SecretEncoding::base64, managed.kid)
                 : Key::from_pem(*text, managed.kid);
  if (!key) return fail(key.error().code, file + ": " + key.error().detail);
  if (key->algorithm() != managed.algorithm || key->fingerprint() != managed.fingerprint) {
    return fail(Errc::key_invalid, file + ": not the key that keys.json names");
  }
  key->set_use_until(managed.use_until);
  return key;
}

Result<std::vector<Key>> KeyFolder::load(WallTime now) const {
  std::vector<Key> keys;
  for (const ManagedKey& managed : keys_) {
    if (!in_use(managed, now)) continue;
    auto key = read_material(managed);
    if (!key) return std::move(key.error());
    keys.push_back(*std::move(key));
    if (managed.state == KeyState::active) std::rotate(keys.begin(), keys.end() - 1, keys.end());
  }
  return keys;
}

std::vector<Key> KeyFolder::former(WallTime now) const {
  std::vector<Key> keys;
  for (const ManagedKey& managed : keys_) {
    if (in_use(managed, now)) continue;
    if (auto key = read_material(managed)) keys.push_back(*std::move(key));
  }
  return keys;
}

Result<ManagedKey> KeyFolder::add(Algorithm algorithm) {
  ManagedKey made{.kid = crypto::random_id(kIdChars), .algorithm = algorithm};
  auto changed = change([&]() -> Result<void> {
    Secret text;
    Result<Key> key = Errc::internal;
    if (symmetric(algorithm)) {
      text = Secret(base64_encode(crypto::random_bytes(48)));
      key = Key::from_secret(algorithm, text, SecretEncoding::base64, made.kid);
      if (!key) return std::move(key.error());
    } else {
      key = Key::generate(algorithm);
      text = key->pem();
    }
    made.fingerprint = key->fingerprint();
    if (auto written = write_private_file(file_of(made), text); !written) return written;
    keys_.push_back(made);
    return {};
  });
  if (!changed) return std::move(changed.error());
  return made;
}

Result<void> KeyFolder::activate(std::string_view kid, WallTime now, std::chrono::seconds access_ttl) {
  return change([&]() -> Result<void> {
    ManagedKey* key = find(kid);
    if (!key) return fail(Errc::not_found, fmt::format("no key {}", kid));
    if (key->state == KeyState::retired) return fail(Errc::store_conflict, "a retired key does not come back");
    if (key->state == KeyState::active) return fail(Errc::store_conflict, "the key signs already");
    for (ManagedKey& other : keys_) {
      if (other.state != KeyState::active) continue;
      other.state = KeyState::leaving;
      other.use_until = leaving_until(now, access_ttl);
    }
    key->state = KeyState::active;
    key->use_until.reset();
    return {};
  });
}

Result<void> KeyFolder::retire(std::string_view kid, bool at_once, WallTime now, std::chrono::seconds access_ttl) {
  return change([&]() -> Result<void> {
    ManagedKey* key = find(kid);
    if (!key) return fail(Errc::not_found, fmt::format("no key {}", kid));
    if (key->state == KeyState::retired) return fail(Errc::store_conflict, "the key is retired already");
    if (at_once) {
      key->state = KeyState::retired;
      key->use_until = now;
      return {};
    }
    if (key->state == KeyState::active) {
      return fail(Errc::store_conflict, "the key signs: activate another first, or --now where it is in wrong hands");
    }
    const bool over = key->use_until && *key->use_until <= now;
    key->state = over || key->state == KeyState::waiting ? KeyState::retired : KeyState::leaving;
    if (!key->use_until) key->use_until = key->state == KeyState::retired ? now : leaving_until(now, access_ttl);
    return {};
  });
}

std::string ring_fingerprint(const KeyRing& ring) {
  std::vector<std::string> lines;
  for (const Key& key : ring.keys()) lines.push_back(key.kid() + ' ' + key.fingerprint());
  std::sort(lines.begin(), lines.end());
  return fingerprint(fmt::format("{}\n{}", ring.active().kid(), fmt::join(lines, "\n")));
}

}  // namespace gatecast::token
