#include "app/control_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "net/local_socket.hpp"
#include "server/control_socket.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

// The server's answers are bounded by what one method gives; this only keeps a broken one from filling the memory.
constexpr std::size_t kAnswerBytesMax = std::size_t{64} * 1024 * 1024;

Error broken(std::string_view what) {
  return fail(Errc::store_failed, fmt::format("control socket: {}: {}", what, std::strerror(errno)));
}

Error refusal(const server::JsonIn& error) {
  const auto name = error.optional_text("name").value_or("");
  auto detail = error.optional_text("detail").value_or("");
  for (std::size_t i = 0; i < kErrcCount; ++i) {
    if (info(static_cast<Errc>(i)).name == name) return fail(static_cast<Errc>(i), std::move(detail));
  }
  return fail(Errc::internal, std::move(detail));
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& data_dir) {
  auto fd = net::connect_local(data_dir, std::string(server::kControlName));
  if (!fd) return fd.error();
  const timeval time{.tv_sec = kAnswerTime.count(), .tv_usec = 0};
  for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(fd->get(), SOL_SOCKET, which, &time, sizeof time) != 0) return broken("setsockopt");
  }
  return ControlClient(std::move(*fd));
}

Result<std::string> ControlClient::exchange(std::string line) {
  line += '\n';
  for (std::string_view rest = line; !rest.empty();) {
    const auto n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return broken("send");
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string answer;
  std::array<char, 65536> buffer;
  while (answer.empty() || answer.back() != '\n') {
    const auto n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return broken("receive");
    if (n == 0) return fail(Errc::store_failed, "control socket: the server closed the connection");
    answer.append(buffer.data(), static_cast<std::size_t>(n));
    if (answer.size() > kAnswerBytesMax) return fail(Errc::store_failed, "control socket: answer too large");
  }
  answer.pop_back();
  return answer;
}

Result<std::string> ControlClient::call(std::string_view method, std::string_view params) {
  auto answer = exchange(server::JsonOut().text("method", method).raw("params", params).done());
  if (!answer) return answer.error();
  auto in = server::JsonIn::parse(*answer);
  if (!in) return fail(Errc::internal, "control socket: not an answer");
  if (in->has("error")) {
    auto error = in->optional_object("error");
    return error ? refusal(*error) : fail(Errc::internal, "control socket: not an answer");
  }
  return std::string(in->raw("result"));
}

}  // namespace gatecast::app
