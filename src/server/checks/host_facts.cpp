// What the system says of the machine.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/socket.hpp"
#include "server/checks/check_host.hpp"

namespace gatecast::server {
namespace {

/// The numbers of statfs(2) for the file systems people run servers on.
constexpr std::pair<unsigned long, std::string_view> kSystems[] = {
    {0xEF53, "ext4"},     {0x58465342, "xfs"},   {0x9123683E, "btrfs"}, {0x2FC12FC1, "zfs"},     {0xF2F52010, "f2fs"},
    {0x6969, "nfs"},      {0x517B, "smb"},       {0xFE534D42, "smb"},   {0xFF534D42, "cifs"},    {0x01021997, "9p"},
    {0x65735546, "fuse"}, {0x01021994, "tmpfs"}, {0x858458F6, "ramfs"}, {0x794C7630, "overlay"}, {0x9FA0, "proc"}};

/// Tries it, since rights, read-only mounts and quotas all have their say. The file has no name and leaves none.
bool can_write(const std::string& folder, std::string& problem) {
  int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // A file system without nameless files.
    std::string name = folder + "/.gatecast-XXXXXX";
    fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(name.c_str());
  }
  if (fd < 0) {
    problem = std::strerror(errno);
    return false;
  }
  ::close(fd);
  return true;
}

FolderFacts look_at(const std::string& path) {
  FolderFacts facts{.path = path};
  std::string at = path;
  struct stat found{};
  while (::stat(at.c_str(), &found) != 0) {
    if (errno != ENOENT) {
      facts.problem = std::strerror(errno);
      return facts;
    }
    const auto parent = std::filesystem::path(at).parent_path().string();
    if (parent == at) break;
    at = parent.empty() ? "." : parent;
  }
  facts.exists = at == path;
  if (!S_ISDIR(found.st_mode)) {
    facts.problem = facts.exists ? "not a folder" : at + " is not a folder";
    return facts;
  }
  facts.mode = found.st_mode & 07777;
  facts.writable = can_write(at, facts.problem);
  if (!facts.exists && !facts.problem.empty())
    facts.problem = fmt::format("cannot be made in {}: {}", at, facts.problem);
  struct statfs system{};
  if (::statfs(at.c_str(), &system) == 0) {
    for (const auto& [number, name] : kSystems) {
      if (static_cast<unsigned long>(system.f_type) == number) facts.system = name;
    }
    if (facts.system.empty())
      facts.system = fmt::format("file system {:#x}", static_cast<unsigned long>(system.f_type));
  }
  struct statvfs room{};
  if (::statvfs(at.c_str(), &room) == 0) facts.free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
  return facts;
}

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream in(path);
  std::string text;
  if (!std::getline(in, text)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} ? std::optional(value) : std::nullopt;
}

std::uint64_t memory_bytes() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto page = ::sysconf(_SC_PAGESIZE);
  std::uint64_t bytes =
      pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
  // In a container its own group stands at the root of the hierarchy; the first is version 2's file.
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto limit = number_in(path)) bytes = bytes == 0 ? *limit : std::min(bytes, *limit);
  }
  return bytes;
}

std::uint64_t descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur;
}

PortFacts look_at_port(const std::string& address) {
  PortFacts facts{.address = address};
  const auto at = net::parse_endpoint(address);
  if (!at) {
    facts.problem = "not an address";
    return facts;
  }
  if (at->port == 0) return facts;
  if (auto free = net::check_free(*at); !free) facts.problem = free.error().detail;
  return facts;
}

}  // namespace

HostFacts look_at_host(const Config& config, WallTime now, bool running) {
  HostFacts facts{.data = look_at(config.data.dir), .now = now};
  if (!config.log.dir.empty()) facts.log = look_at(config.log.dir);
  if (!running) {
    facts.public_port = look_at_port(config.http.address);
    facts.ops_port = look_at_port(config.ops.address);
  }
  facts.descriptors = descriptors();
  facts.memory_bytes = memory_bytes();
  facts.shards =
      config.realtime.shards != 0 ? config.realtime.shards : std::max(1u, std::thread::hardware_concurrency());
  return facts;
}

}  // namespace gatecast::server
