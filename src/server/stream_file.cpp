#include "server/stream_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/file_write.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kChunk = 1u << 20;
constexpr std::size_t kNumberBytes = 8;

Error failed(const std::string& path, const char* what) {
  return fail(Errc::store_failed, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

std::string number(std::uint64_t n) {
  std::string bytes;
  for (std::size_t i = 0; i < kNumberBytes; ++i) bytes += static_cast<char>(n >> (8 * i));
  return bytes;
}

Result<std::string> read_all(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open())
    return errno == ENOENT ? Result<std::string>(std::string{}) : Result<std::string>(failed(path, "open"));
  std::string bytes;
  for (;;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kChunk);
    const ssize_t n = ::read(file.get(), bytes.data() + before, kChunk);
    if (n < 0 && errno != EINTR) return failed(path, "read");
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return bytes;
  }
}

}  // namespace

Result<void> write_streams(const std::string& path, const std::vector<std::string>& parts) {
  // Reserved first: views point into it.
  std::vector<std::string> sizes;
  sizes.reserve(parts.size());
  std::vector<std::string_view> pieces;
  for (const auto& part : parts) {
    pieces.push_back(sizes.emplace_back(number(part.size())));
    pieces.push_back(part);
  }
  return replace_file(path, path + ".new", pieces);
}

Result<std::vector<std::string>> take_streams(const std::string& path) {
  auto bytes = read_all(path);
  if (!bytes) return bytes.error();
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, "unlink");
  std::vector<std::string> parts;
  std::string_view rest = *bytes;
  while (!rest.empty()) {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < kNumberBytes && i < rest.size(); ++i) {
      size |= std::uint64_t{static_cast<unsigned char>(rest[i])} << (8 * i);
    }
    if (rest.size() < kNumberBytes || size > rest.size() - kNumberBytes) {
      return fail(Errc::store_failed, path + ": it is cut");
    }
    parts.emplace_back(rest.substr(kNumberBytes, size));
    rest.remove_prefix(kNumberBytes + size);
  }
  return parts;
}

}  // namespace gatecast::server
