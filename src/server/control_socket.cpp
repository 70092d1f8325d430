#include "server/control_socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "core/log.hpp"
#include "net/local_socket.hpp"
#include "protocol/json_check.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

std::string error_line(const Error& error) {
  const auto& code = info(error.code);
  JsonOut out;
  out.number("code", code.reply != 0 ? code.reply : info(Errc::bad_request).reply).text("message", code.message);
  out.text("name", code.name).text("cure", code.cure).text_if("detail", error.detail);
  return JsonOut().object("error", out).done();
}

}  // namespace

/// One connection: what came and is not yet answered, and what waits to be sent.
class ControlSocket::Peer final : public net::Ready {
 public:
  Peer(ControlSocket& all, std::uint64_t i, net::LocalPeer peer)
      : id(i), actor(fmt::format("operator:{}", peer.uid)), all_(all), fd_(std::move(peer.fd)) {}
  ~Peer() { close(); }

  bool watch() { return all_.worker_.shard().loop().watch(fd_.get(), EPOLLIN, this); }
  void close() {
    if (!fd_) return;
    all_.worker_.shard().loop().unwatch(fd_.get());
    fd_.reset();
  }
  bool open() const { return static_cast<bool>(fd_); }

  void on_ready(std::uint32_t events) override {
    if (!fd_) return;
    if ((events & EPOLLOUT) != 0) flush();
    const bool gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (fd_ && !busy && (events & EPOLLIN) != 0) return read();
    // A peer that left while its request runs: the descriptor would report it without end.
    if (fd_ && gone) all_.release(id);
  }

  /// The next whole line, taken from what came.
  std::optional<std::string> next_line() {
    const auto end = in_.find('\n', scanned_);
    scanned_ = in_.size();
    if (end == std::string::npos) return std::nullopt;
    std::string line = in_.substr(0, end);
    in_.erase(0, end + 1);
    scanned_ = 0;
    return line;
  }

  void send(std::string line) {
    out_ += std::move(line);
    out_ += '\n';
    flush();
  }

  // While a request runs nothing more is read: who sends ahead waits.
  void update() {
    if (!fd_) return;
    const std::uint32_t wanted = (busy ? 0u : std::uint32_t{EPOLLIN}) | (out_.empty() ? 0u : std::uint32_t{EPOLLOUT});
    all_.worker_.shard().loop().change(fd_.get(), wanted, this);
  }

  const std::uint64_t id;
  const std::string actor;
  bool busy = false;

 private:
  void read() {
    std::array<char, kReadBytes> buffer;
    const auto n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return all_.release(id);
    in_.append(buffer.data(), static_cast<std::size_t>(n));
    if (in_.size() > kLineMax && in_.find('\n') == std::string::npos) {
      log::warn("control", {{"reason", "line too long"}, {"actor", actor}});
      return all_.release(id);
    }
    all_.serve_next(*this);
    update();
  }

  void flush() {
    while (fd_ && sent_ < out_.size()) {
      const auto n = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (n <= 0) return all_.release(id);
      sent_ += static_cast<std::size_t>(n);
    }
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
    }
    update();
  }

  ControlSocket& all_;
  net::Fd fd_;
  std::string in_;
  std::size_t scanned_ = 0;
  std::string out_;
  std::size_t sent_ = 0;
};

ControlSocket::ControlSocket(Worker& worker) : worker_(worker) {}
ControlSocket::~ControlSocket() = default;

Result<void> ControlSocket::open(const std::string& data_dir) {
  folder_ = data_dir;
  auto fd = net::listen_local(folder_, std::string(kControlName));
  if (!fd) return fd.error();
  listener_ = std::move(*fd);
  if (!worker_.shard().loop().watch(listener_.get(), EPOLLIN, this)) return fail(Errc::store_failed, "epoll");
  return {};
}

void ControlSocket::on_ready(std::uint32_t) {
  auto peer = net::accept_local(listener_.get());
  if (!peer.fd) return;
  if ((peer.uid != ::geteuid() && peer.uid != 0) || peers_.size() >= kPeersMax) {
    log::warn("control", {{"reason", peers_.size() >= kPeersMax ? "too many" : "another user"}, {"uid", peer.uid}});
    return;
  }
  const auto id = ++last_id_;
  auto made = std::make_unique<Peer>(*this, id, std::move(peer));
  if (made->watch()) peers_.emplace(id, std::move(made));
}

void ControlSocket::serve_next(Peer& peer) {
  if (peer.busy || stopping_) return;
  auto line = peer.next_line();
  if (!line) return;
  peer.busy = true;
  ++running_;
  spawn(answer(peer.id, std::move(*line), peer.actor));
}

Task<void> ControlSocket::answer(std::uint64_t id, std::string line, std::string actor) {
  // What the application stored may hold line ends between its tokens; here one ends the answer.
  const std::string given = co_await run(line, actor);
  std::string scratch;
  std::string out(protocol::compact_newlines(given, scratch));
  --running_;
  if (auto at = peers_.find(id); at != peers_.end()) {
    auto& peer = *at->second;
    peer.busy = false;
    if (peer.open()) peer.send(std::move(out));
    // A request may lie ready; it goes on in a turn of its own.
    worker_.shard().loop().post([this, id] {
      const auto next = peers_.find(id);
      if (next == peers_.end()) return;
      if (!next->second->open()) return static_cast<void>(peers_.erase(next));
      serve_next(*next->second);
      next->second->update();
    });
  }
  if (running_ == 0 && stopped_) (*std::exchange(stopped_, std::nullopt))(true);
}

Task<std::string> ControlSocket::run(std::string_view line, const std::string& actor) {
  ApiCall call{.worker = worker_, .actor = actor};
  auto request = JsonIn::parse(line);
  if (!request) co_return error_line(request.error());
  auto name = request->text("method");
  if (!name) co_return error_line(name.error());
  auto entry = find_api_method(call, *name);
  if (!entry) co_return error_line(entry.error());
  auto answer = co_await run_api(call, **entry, request->raw("params"), {});
  co_return answer ? answer_json(answer) : error_line(answer.error());
}

/// Lets the connection go, at the turn's end or when its request has ended.
void ControlSocket::release(std::uint64_t id) {
  const auto at = peers_.find(id);
  if (at == peers_.end()) return;
  at->second->close();
  if (at->second->busy) return;
  worker_.shard().loop().post([this, id] { peers_.erase(id); });
}

Task<void> ControlSocket::stop() {
  stopping_ = true;
  if (listener_) {
    worker_.shard().loop().unwatch(listener_.get());
    listener_.reset();
    net::remove_local(folder_, std::string(kControlName));
  }
  if (running_ > 0) {
    co_await arrival<bool>([this](Resume<bool> resume) { stopped_.emplace(std::move(resume)); });
  }
  for (auto& [id, peer] : peers_) peer->close();
}

}  // namespace gatecast::server
