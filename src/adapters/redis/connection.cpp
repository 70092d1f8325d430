#include "adapters/redis/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "adapters/redis/command_text.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

// A record of TLS fits, and some hundred publications.
constexpr std::size_t kReadBytes = 128 * 1024;
// One connection does not keep the others of its loop waiting.
constexpr std::size_t kTurnBytes = 1024 * 1024;
// A buffer that one large answer made larger is given back.
constexpr std::size_t kKeptBytes = 1024 * 1024;

/// Refusals to HELLO or SELECT that no waiting mends.
bool for_good(std::string_view text) {
  for (std::string_view begin : {"WRONGPASS", "NOAUTH", "NOPERM", "NOPROTO", "ERR unknown command", "ERR DB index",
                                 "ERR AUTH", "ERR Client sent AUTH"}) {
    if (text.starts_with(begin)) return true;
  }
  return false;
}

/// A server without the command repeats how it began, and HELLO has the password.
void hide_arguments(Value& value) {
  if (!value.is_error()) return;
  const auto at = value.text.find(", with args beginning with");
  if (at != std::string::npos) value.text.resize(at);
}

/// A name without blanks, as CLIENT SETNAME wants it.
std::string client_name(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += c > 0x20 && c < 0x7F ? c : '-';
  return out;
}

}  // namespace

void Request::write_to(std::string& out) const {
  if (asking) out += "*1\r\n$6\r\nASKING\r\n";
  if (script != nullptr) {
    append_count(out, texts + 2);
    append_text(out, by_source ? "EVAL" : "EVALSHA");
    append_text(out, by_source ? script->source() : script->sha1());
  }
  out += body;
}

void Connection::open(const RedisAddress& address, const Login& login) {
  shut();
  address_ = address;
  login_ = login;
  greeting_ = {};
  state_ = State::resolving;
  due_ = shared_.loop.now() + shared_.options.deadline;
  arm(due_);
  shared_.resolver.resolve(
      address.host, address.port, [this, here = std::weak_ptr<int>(here_), life = life_](auto found) {
        if (here.expired() || life != life_ || state_ != State::resolving) return;
        if (!found) return lose(found.error().detail);
        found_ = std::move(*found);
        if (!found_.empty())
          std::ranges::rotate(found_, found_.begin() + static_cast<std::ptrdiff_t>(silent_ % found_.size()));
        tried_ = 0;
        try_next("no address");
      });
}

void Connection::try_next(std::string why) {
  while (tried_ < found_.size()) {
    const SocketAddress& to = found_[tried_++];
    net::Fd fd{socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const int on = 1;
    if (!fd || setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
      why = std::strerror(errno);
      continue;
    }
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 && errno != EINPROGRESS) {
      why = std::strerror(errno);
      continue;
    }
    connecting_ = std::move(fd);
    state_ = State::connecting;
    watching_writes_ = true;
    if (shared_.loop.watch(connecting_.get(), EPOLLIN | EPOLLOUT, this)) return;
    why = std::strerror(errno);
  }
  lose(why);
}

void Connection::connected() {
  int failed = 0;
  socklen_t size = sizeof failed;
  getsockopt(connecting_.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
  if (failed != 0) {
    shared_.loop.unwatch(connecting_.get());
    return try_next(std::strerror(failed));
  }
  std::unique_ptr<net::TlsSession> tls;
  if (shared_.url.tls) {
    tls = shared_.tls->begin(connecting_.get(), address_.host);
    if (tls == nullptr) return lose("out of memory");
  }
  stream_.emplace(std::move(connecting_), std::move(tls));
  if (!shared_.url.tls) return say_hello();
  state_ = State::securing;
  watch_writing(false);
  read();
}

void Connection::say_hello() {
  state_ = State::greeting;
  greetings_left_ = 1;
  std::vector<std::string_view> hello{"HELLO", "3"};
  if (!login_.password.empty()) {
    hello.insert(hello.end(),
                 {"AUTH", login_.user.empty() ? std::string_view("default") : login_.user, login_.password.expose()});
  }
  const std::string name = client_name(shared_.options.name);
  if (!name.empty()) hello.insert(hello.end(), {"SETNAME", name});
  append_count(out_, hello.size());
  append_texts(out_, hello);
  if (login_.db != 0) {
    const std::string db = std::to_string(login_.db);
    const std::string_view select[] = {"SELECT", db};
    append_count(out_, 2);
    append_texts(out_, select);
    ++greetings_left_;
  }
  watch_writing(false);
  flush();
}

void Connection::take_greeting(Value value) {
  if (value.is_error()) return lose(value.text, for_good(value.text));
  if (value.kind == Value::Kind::map) {
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
      const std::string& name = value.items[i].text;
      if (name == "version") greeting_.version = value.items[i + 1].text;
      if (name == "mode") greeting_.mode = value.items[i + 1].text;
      if (name == "role") greeting_.role = value.items[i + 1].text;
    }
  }
  if (--greetings_left_ > 0) return;
  state_ = State::ready;
  owner_.on_open(*this);
}

void Connection::send(Request request) {
  // Once whole on every connection: sent again after a refusal it would be overtaken by what came behind it.
  if (request.script != nullptr && std::ranges::find(sent_whole_, request.script) == sent_whole_.end()) {
    sent_whole_.push_back(request.script);
    request.by_source = true;
  }
  request.write_to(out_);
  if (request.asking) waiting_.push_back({.due = request.due, .own = true});
  if (!request.kept) request.body = {};
  arm(request.due);
  waiting_.push_back(std::move(request));
  flush_later();
}

void Connection::send_topics(std::string_view bytes) {
  out_ += bytes;
  flush_later();
}

void Connection::flush_later() {
  if (std::exchange(flush_asked_, true)) return;
  shared_.later([this, life = life_] {
    if (life != life_) return;
    flush_asked_ = false;
    flush();
  });
}

void Connection::flush() {
  while (out_at_ < out_.size()) {
    const iovec part{.iov_base = out_.data() + out_at_, .iov_len = out_.size() - out_at_};
    const auto n = stream_->write(&part, 1);
    if (n < 0) return lose("cut while sending");
    out_at_ += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < part.iov_len) break;
  }
  const bool held = stream_->tls() != nullptr && stream_->tls()->holds();
  if (out_at_ == out_.size()) {
    // A password is not left in memory that others get.
    if (state_ == State::greeting) OPENSSL_cleanse(out_.data(), out_.size());
    if (out_.capacity() > kKeptBytes) out_ = {};
    out_.clear();
    out_at_ = 0;
    if (held) stream_->write(nullptr, 0);
  } else if (out_at_ > kKeptBytes) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  watch_writing(!out_.empty() ||
                (stream_->tls() != nullptr && (stream_->tls()->holds() || stream_->tls()->wants_write())));
}

void Connection::watch_writing(bool on) {
  if (watching_writes_ == on || !stream_) return;
  watching_writes_ = on;
  shared_.loop.change(stream_->fd(), on ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
}

void Connection::on_ready(std::uint32_t events) {
  switch (state_) {
    case State::closed:
    case State::resolving: return;
    case State::connecting:
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) connected();
      return;
    default: break;
  }
  const auto life = life_;
  if ((events & EPOLLOUT) != 0 && state_ != State::securing) flush();
  if (life == life_) read();
}

void Connection::read() {
  const auto life = life_;
  for (std::size_t taken = 0; taken < kTurnBytes;) {
    const std::size_t room = std::max(decoder_.wants() - std::min(decoder_.wants(), in_size_), kReadBytes / 2);
    if (in_.size() < in_size_ + room) in_.resize(std::max(in_size_ + room, kReadBytes));
    const auto n = stream_->read(std::span(in_).subspan(in_size_));
    if (state_ == State::securing && stream_->tls()->established()) {
      say_hello();
      if (life != life_) return;
    }
    if (n == -1) break;
    if (n <= 0) {
      const std::string_view tls = stream_->tls() != nullptr ? stream_->tls()->error() : std::string_view{};
      return lose(!tls.empty() ? fmt::format("TLS: {}", tls)
                  : n == 0     ? "closed by the server"
                               : "cut",
                  tls.contains("certificate"));
    }
    in_size_ += static_cast<std::size_t>(n);
    taken += static_cast<std::size_t>(n);
    if (in_size_ >= decoder_.wants() && !decode()) return;
    // What did not fill the room was all there is (of TLS: a record at a time).
    if (stream_->tls() == nullptr && in_size_ < in_.size()) break;
  }
  if (stream_->tls() != nullptr && stream_->tls()->wants_write()) watch_writing(true);
}

/// False where the connection was closed on the way.
bool Connection::decode() {
  const auto life = life_;
  std::string_view input(in_.data(), in_size_);
  while (!input.empty()) {
    auto step = decoder_.next(input);
    if (!step) {
      lose(step.error().detail);
      return false;
    }
    if (*step == RespDecoder::Step::more) break;
    if (*step == RespDecoder::Step::message) {
      owner_.on_message(decoder_.topic(), decoder_.payload());
    } else {
      take(decoder_.take_value());
    }
    if (life != life_) return false;
  }
  in_size_ = input.size();
  if (in_size_ > 0) {
    std::memmove(in_.data(), input.data(), in_size_);
  } else if (in_.size() > kKeptBytes) {
    in_.resize(kReadBytes);
    in_.shrink_to_fit();
  }
  return true;
}

void Connection::take(Value value) {
  hide_arguments(value);
  if (value.kind == Value::Kind::push) return owner_.on_push(*this, std::move(value));
  if (state_ == State::greeting) return take_greeting(std::move(value));
  if (waiting_.empty()) {
    if (value.is_error()) return owner_.on_stray_error(*this, value.text);
    return lose("an answer that nobody asked for");
  }
  Request request = std::move(waiting_.front());
  waiting_.pop_front();
  if (!request.own) return owner_.on_reply(*this, std::move(request), std::move(value));
  if (request.done) request.done(std::move(value));
}

void Connection::arm(SteadyTime due) {
  if (timer_ != 0) return;
  timer_ = shared_.loop.after(due - shared_.loop.now(), [this] {
    timer_ = 0;
    on_timer();
  });
}

void Connection::on_timer() {
  const auto now = shared_.loop.now();
  if (state_ == State::closed) return;
  if (state_ != State::ready) {
    if (now < due_) return arm(due_);
    ++silent_;
    return lose(state_ == State::resolving ? "its name was not resolved in time" : "no answer while connecting");
  }
  if (waiting_.empty()) return;
  if (now < waiting_.front().due) return arm(waiting_.front().due);
  lose("no answer in time");
}

void Connection::lose(const std::string& why, bool good) {
  if (state_ == State::closed) return;
  metrics::count<"redis_reconnects_total">(shared_.options.role);
  std::deque<Request> waiting = std::move(waiting_);
  shut();
  const std::weak_ptr<int> alive(shared_.life);
  const std::string detail = fmt::format("{}: {}", address_.shown(), why);
  for (Request& request : waiting) {
    if (alive.expired()) return;
    if (!request.own) {
      owner_.on_reply(*this, std::move(request), fail(Errc::temporarily_unavailable, detail));
    } else if (request.done) {
      request.done(fail(Errc::temporarily_unavailable, detail));
    }
  }
  if (!alive.expired()) owner_.on_lost(*this, detail, good);
}

void Connection::shut() {
  ++life_;
  state_ = State::closed;
  if (stream_) shared_.loop.unwatch(stream_->fd());
  stream_.reset();
  if (connecting_) shared_.loop.unwatch(connecting_.get());
  connecting_.reset();
  if (timer_ != 0) shared_.loop.cancel(std::exchange(timer_, 0));
  found_.clear();
  decoder_.reset();
  in_size_ = 0;
  out_.clear();
  out_at_ = 0;
  flush_asked_ = false;
  watching_writes_ = false;
  waiting_.clear();
  sent_whole_.clear();
}

}  // namespace gatecast::redis
