#include "adapters/redis/publication_text.hpp"

#include <charconv>

namespace gatecast::redis {
namespace {

constexpr char kVersion = 1;
constexpr unsigned kKindMask = 3;
constexpr unsigned kDelta = 4;

void put_number(std::string& out, std::size_t number) {
  while (number >= 0x80) {
    out += static_cast<char>((number & 0x7f) | 0x80);
    number >>= 7;
  }
  out += static_cast<char>(number);
}

void put(std::string& out, std::string_view field) {
  put_number(out, field.size());
  out += field;
}

/// Whatever it reads past the end is empty, and `good` says so.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::size_t number() {
    std::size_t number = 0;
    for (unsigned shift = 0; shift < 35 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      number |= std::size_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) break;  // not the shortest form
        return number;
      }
    }
    good_ = false;
    return 0;
  }
  std::string_view field() {
    const std::size_t size = number();
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

/// A decimal number and the colon behind it.
std::optional<std::uint64_t> take_number(std::string_view& bytes) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
  if (error != std::errc{} || end == bytes.data() + bytes.size() || *end != ':') return std::nullopt;
  bytes.remove_prefix(static_cast<std::size_t>(end - bytes.data()) + 1);
  return number;
}

}  // namespace

std::string publication_text(const broker::Publication& p) {
  std::string out;
  out.reserve(16 + p.data.size() + p.user.size() + p.client.size() + p.conn_info.size() + p.chan_info.size());
  out += kVersion;
  out += static_cast<char>(static_cast<unsigned>(p.kind) | (p.delta ? kDelta : 0u));
  for (const std::string* field : {&p.data, &p.user, &p.client, &p.conn_info, &p.chan_info}) put(out, *field);
  put_number(out, p.tags.size());
  for (const auto& [name, value] : p.tags) {
    put(out, name);
    put(out, value);
  }
  return out;
}

std::shared_ptr<broker::Publication> parse_publication_text(std::string_view text) {
  if (text.size() < 2 || text.size() > kTextBytesMax || text[0] != kVersion) return nullptr;
  const auto flags = static_cast<unsigned char>(text[1]);
  const unsigned kind = flags & kKindMask;
  if (kind > static_cast<unsigned>(broker::PublicationKind::leave)) return nullptr;
  auto p = std::make_shared<broker::Publication>();
  p->kind = static_cast<broker::PublicationKind>(kind);
  p->delta = (flags & kDelta) != 0;
  Fields in(text.substr(2));
  for (std::string* field : {&p->data, &p->user, &p->client, &p->conn_info, &p->chan_info}) *field = in.field();
  const std::size_t tags = in.number();
  if (!in.good() || tags > kTagsMax) return nullptr;
  for (std::size_t n = 0; n < tags && in.good(); ++n) {
    const auto name = in.field();
    p->tags.emplace_back(name, in.field());
  }
  return in.good() ? p : nullptr;
}

std::string channel_mark(std::string_view channel) {
  return std::to_string(channel.size()) + ':' + std::string(channel);
}

std::optional<TopicMessage> parse_topic_message(std::string_view bytes, bool shared) {
  TopicMessage message;
  const auto offset = take_number(bytes);
  const auto epoch = offset ? take_number(bytes) : std::nullopt;
  if (!epoch || *epoch >= broker::kEpochs) return std::nullopt;
  message.place = {*offset, *epoch};
  if (shared) {
    const auto size = take_number(bytes);
    if (!size || *size == 0 || *size > bytes.size()) return std::nullopt;
    message.channel = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
  }
  message.text = bytes;
  return message;
}

std::optional<broker::StreamPosition> parse_place(std::string_view text) {
  const auto offset = take_number(text);
  if (!offset) return std::nullopt;
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error != std::errc{} || epoch >= broker::kEpochs) return std::nullopt;
  if (end != text.data() + text.size() && *end != ':') return std::nullopt;
  return broker::StreamPosition{*offset, epoch};
}

}  // namespace gatecast::redis
