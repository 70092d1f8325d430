#include "token/key_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/file_write.hpp"
#include "crypto/random.hpp"

namespace gatecast::token {
namespace {

Error trouble(Errc code, const std::string& path, std::string_view what) {
  return fail(code, fmt::format("{}: {}: {}", path, what, std::error_code(errno, std::generic_category()).message()));
}

std::string draft_of(const std::string& path) { return path + ".new-" + crypto::random_id(8); }

}  // namespace

Result<Secret> read_private_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return trouble(Errc::secret_missing, path, "cannot open");
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return trouble(Errc::secret_missing, path, "cannot read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  Secret content(std::move(text));
  if (content.empty()) return fail(Errc::secret_missing, path + ": the file is empty");
  if (content.size() > bytes_max) return fail(Errc::key_invalid, path + ": the file is too long for a key");
  return content;
}

Result<void> write_private_file(const std::string& path, const Secret& bytes) {
  const std::string_view parts[] = {bytes.expose()};
  return create_file(path, draft_of(path), parts);
}

Result<void> replace_private_file(const std::string& path, const Secret& bytes) {
  const std::string_view parts[] = {bytes.expose()};
  return replace_file(path, draft_of(path), parts);
}

Result<Key> load_key_file(const std::string& path, std::string kid) {
  const auto pem = read_private_file(path);
  if (!pem) return pem.error();
  auto key = Key::from_pem(*pem, std::move(kid));
  if (!key) return fail(key.error().code, path + ": " + key.error().detail);
  return key;
}

Result<Key> generate_key_file(const std::string& path, Algorithm algorithm) {
  if (symmetric(algorithm)) {
    return fail(Errc::config_invalid, fmt::format("{} takes a secret, not a key file", name(algorithm)));
  }
  Key key = Key::generate(algorithm);
  if (auto written = write_private_file(path, key.pem()); !written) return std::move(written.error());
  return key;
}

}  // namespace gatecast::token
