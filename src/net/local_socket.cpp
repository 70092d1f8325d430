#include "net/local_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gatecast::net {
namespace {

constexpr int kBacklog = 128;

Error failed(std::string_view what, const std::string& path) {
  return fail(Errc::store_failed, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

Fd open_folder(const std::string& folder) { return Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }

bool address_of(const Fd& folder, const std::string& name, sockaddr_un& out) {
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), name);
  if (path.size() >= sizeof out.sun_path) return false;
  out.sun_family = AF_UNIX;
  std::memcpy(out.sun_path, path.c_str(), path.size() + 1);
  return true;
}

}  // namespace

Result<Fd> listen_local(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  const Fd at = open_folder(folder);
  if (!at) return failed("open", folder);
  sockaddr_un address{};
  if (!address_of(at, name, address)) return fail(Errc::store_failed, "name too long");
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket", path);
  // The file is made with the socket's own mode, so there is no moment in which others may connect.
  if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) return failed("fchmod", path);
  if (::unlinkat(at.get(), name.c_str(), 0) != 0 && errno != ENOENT) return failed("unlink", path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed("bind", path);
  if (::listen(fd.get(), kBacklog) != 0) return failed("listen", path);
  return fd;
}

Result<Fd> connect_local(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  const Fd at = open_folder(folder);
  if (!at) return fail(Errc::not_found, fmt::format("{}: {}", folder, std::strerror(errno)));
  sockaddr_un address{};
  if (!address_of(at, name, address)) return fail(Errc::store_failed, "name too long");
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket", path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
  if (!nobody) return failed("connect", path);
  return fail(Errc::not_found, fmt::format("{}: {}", path, std::strerror(errno)));
}

LocalPeer accept_local(int listener) {
  LocalPeer peer;
  peer.fd = Fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!peer.fd) return {};
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(peer.fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  peer.uid = who.uid;
  return peer;
}

void remove_local(const std::string& folder, const std::string& name) { ::unlink((folder + "/" + name).c_str()); }

}  // namespace gatecast::net
