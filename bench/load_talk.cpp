// What the clients say until they are ready, and what they make of what they read.
#include <cstdlib>

#include "bench/load.hpp"
#include "bench/process.hpp"

namespace gatecast::bench {

std::string Load::numbered(std::string_view text, std::size_t number) const {
  const auto at = text.find("{}");
  if (at == std::string_view::npos) return std::string(text);
  return fmt::format("{}{}{}", text.substr(0, at), number, text.substr(at + 2));
}

std::size_t Load::take_upgrade(std::size_t index, std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101")) die(fmt::format("no upgrade: {}", bytes));
  Client& client = clients_[index];
  client.state = State::joining;
  if (options_.speaks == Speaks::websocket && options_.greets) {
    client.replies = options_.echo_frames;
    send_text(client, options_.echo);
  } else if (options_.speaks == Speaks::websocket) {
    ready(index);
  }
  if (options_.speaks == Speaks::gatecast) {
    client.replies = options_.channel.empty() ? 1 : 1 + static_cast<std::uint32_t>(options_.channels_each);
    send_text(client, hello(index));
  }
  return end + 4;
}

/// Connect and every subscribe in one frame, as an SDK that comes back sends them.
std::string Load::hello(std::size_t index) const {
  std::string commands = R"({"id":1,"connect":{"name":"bench")";
  if (!options_.tokens.empty()) {
    commands += fmt::format(R"(,"token":"{}")", options_.tokens[index % options_.tokens.size()]);
  }
  if (places_) commands += places_->connect_members(index);
  commands += "}}";
  for (std::size_t i = 0; i < options_.channels_each && !options_.channel.empty(); ++i) {
    const std::size_t number = (options_.first + index) * options_.channels_each + i;
    commands += fmt::format("\n{{\"id\":{},\"subscribe\":{{\"channel\":\"{}\"{}}}}}", 2 + i,
                            numbered(options_.channel, number), places_ ? places_->subscribe_members(index) : "");
  }
  return commands;
}

void Load::ready(std::size_t index) {
  clients_[index].state = State::ready;
  ++ready_;
}

void Load::take_message(std::size_t index, std::string_view message) {
  switch (options_.speaks) {
    case Speaks::nothing: return count(index);
    case Speaks::websocket:
      if (clients_[index].state == State::ready) return count(index);
      if (--clients_[index].replies == 0) ready(index);
      return;
    case Speaks::socketio: return take_packet(index, message);
    case Speaks::gatecast: break;
  }
  for (;;) {
    const auto end = message.find('\n');
    take_line(index, message.substr(0, end));
    if (end == std::string_view::npos) return;
    message.remove_prefix(end + 1);
  }
}

void Load::take_line(std::size_t index, std::string_view line) {
  Client& client = clients_[index];
  if (line.starts_with(publication_)) {
    if (places_) places_->on_publication(index, line);
    if (client.sampled) {
      if (const auto at = line.find("\"t\":"); at != std::string_view::npos) {
        latencies_.push_back(read_at_ns_ - std::strtoll(line.data() + at + 4, nullptr, 10));
      }
    }
    return count(index);
  }
  if (line == "{}") {
    if (client.state == State::ready) send_text(client, "{}");
    return;
  }
  if (line.starts_with("{\"id\":") && (client.state == State::joining || client.echoes != 0)) {
    return take_reply(index, line);
  }
  // Other pushes: system messages on the personal channel; a disconnect is followed by a close frame.
  if (!line.starts_with("{\"push\":")) die(fmt::format("unexpected: {}", line));
}

void Load::take_reply(std::size_t index, std::string_view line) {
  if (line.find("\"error\":") != std::string_view::npos) die(fmt::format("refused: {}", line));
  Client& client = clients_[index];
  if (client.state == State::ready) return count(index);
  if (places_) {
    if (line.starts_with("{\"id\":1,")) places_->on_connect_reply(index, line);
    if (line.starts_with("{\"id\":2,")) places_->on_subscribe_reply(index, line);
  }
  if (--client.replies == 0) ready(index);
}

/// Engine.IO 4: `0…` open, `2` ping, `4…` message; Socket.IO 5 within: `40` connect, `42` event.
void Load::take_packet(std::size_t index, std::string_view packet) {
  Client& client = clients_[index];
  if (packet.starts_with("42")) return count(index);
  if (packet.starts_with('0')) return send_text(client, "40");
  if (packet == "2") return send_text(client, "3");
  if (!packet.starts_with("40")) die(fmt::format("unexpected: {}", packet));
  ready(index);
}

}  // namespace gatecast::bench
