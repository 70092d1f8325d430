#include "token/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "crypto/random.hpp"

namespace gatecast::token {
namespace {

/// A descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

Error trouble(Errc code, const std::string& path, std::string_view what) {
  return fail(code, fmt::format("{}: {}: {}", path, what, std::error_code(errno, std::generic_category()).message()));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

Result<void> write_temporary(const std::string& path, const Secret& bytes) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return trouble(Errc::store_failed, path, "cannot create");
  if (::fchmod(file.fd(), 0600) != 0 || !write_all(file.fd(), bytes.expose()) || ::fsync(file.fd()) != 0) {
    return trouble(Errc::store_failed, path, "cannot write");
  }
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || ::fsync(directory.fd()) != 0) return trouble(Errc::store_failed, folder, "cannot sync");
  return {};
}

}  // namespace

Result<Secret> read_private_file(const std::string& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return trouble(Errc::secret_missing, path, "cannot open");
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.fd(), text.data() + size, text.size() - size);
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
  const std::string temporary = path + ".new-" + crypto::random_id(8);
  auto written = write_temporary(temporary, bytes);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  // A link, unlike a rename, fails where the name is taken: two starts at once cannot overwrite each other's key.
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int why = errno;
  ::unlink(temporary.c_str());
  errno = why;
  if (linked != 0) {
    return trouble(why == EEXIST ? Errc::store_conflict : Errc::store_failed, path, "cannot give the file its name");
  }
  return sync_folder_of(path);
}

Result<void> replace_private_file(const std::string& path, const Secret& bytes) {
  const std::string temporary = path + ".new-" + crypto::random_id(8);
  auto written = write_temporary(temporary, bytes);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = trouble(Errc::store_failed, path, "cannot give the file its name");
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder_of(path);
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
