#include "bench/places.hpp"

#include <cstdlib>

#include "bench/process.hpp"

namespace gatecast::bench {
namespace {

std::string_view text_after(std::string_view line, std::string_view name) {
  const auto at = line.find(name);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + name.size());
  return line.substr(0, line.find('"'));
}

std::uint64_t number_after(std::string_view line, std::size_t at) {
  return std::strtoull(line.data() + at, nullptr, 10);
}

constexpr std::string_view kOffset = "\"offset\":";

}  // namespace

// {"id":1,"connect":{…,"subs":{"#user":{"recoverable":true,"epoch":"…","recovered":true,"offset":7,…}},…}}
void Places::on_connect_reply(std::size_t index, std::string_view line) {
  Entry& entry = all_[index];
  const auto subs = line.find("\"subs\":{\"");
  if (subs == std::string_view::npos) die(fmt::format("no personal channel: {}", line));
  const std::string_view rest = line.substr(subs + 9);
  if (!entry.personal_name.empty()) {
    ++(rest.find("\"recovered\":true") != std::string_view::npos ? returned_.personal_recovered
                                                                 : returned_.personal_lost);
  }
  entry.personal_name = rest.substr(0, rest.find('"'));
  entry.personal.epoch = text_after(rest, "\"epoch\":\"");
  const auto offset = rest.rfind(kOffset);
  entry.personal.offset = offset == std::string_view::npos ? 0 : number_after(rest, offset + kOffset.size());
}

// {"id":2,"subscribe":{"recoverable":true,"epoch":"…","publications":[…],"recovered":true,"offset":7,…}}: with
// publications the offset is where the client was.
void Places::on_subscribe_reply(std::size_t index, std::string_view line) {
  Place& place = all_[index].channel;
  const bool came_back = !place.epoch.empty();
  const bool recovered = line.find("\"recovered\":true") != std::string_view::npos;
  if (came_back) ++(recovered ? returned_.recovered : returned_.lost);
  const std::string_view epoch = text_after(line, "\"epoch\":\"");
  if (epoch.empty()) die(fmt::format("no position: {}", line));
  if (came_back && recovered) {
    const auto end = line.find("],\"recovered\"");
    for (auto at = line.find(kOffset); at < end && end != std::string_view::npos; at = line.find(kOffset, at + 1)) {
      const std::uint64_t offset = number_after(line, at + kOffset.size());
      if (offset != place.offset + 1) die(fmt::format("connection {} was at {}: {}", index, place.offset, line));
      place.offset = offset;
      ++returned_.publications;
    }
    return;
  }
  place.epoch = epoch;
  const auto at = line.rfind(kOffset);
  place.offset = at == std::string_view::npos ? 0 : number_after(line, at + kOffset.size());
}

void Places::on_publication(std::size_t index, std::string_view line) {
  Place& place = all_[index].channel;
  const auto at = line.rfind(kOffset);
  if (at == std::string_view::npos) die(fmt::format("a publication without offset: {}", line));
  const std::uint64_t offset = number_after(line, at + kOffset.size());
  if (offset != place.offset + 1)
    die(fmt::format("connection {} stood at {}, then came {}", index, place.offset, line));
  place.offset = offset;
}

std::string Places::connect_members(std::size_t index) const {
  const Entry& entry = all_[index];
  if (entry.personal_name.empty()) return {};
  return fmt::format(R"(,"subs":{{"{}":{{"recover":true,"epoch":"{}","offset":{}}}}})", entry.personal_name,
                     entry.personal.epoch, entry.personal.offset);
}

std::string Places::subscribe_members(std::size_t index) const {
  const Place& place = all_[index].channel;
  if (place.epoch.empty()) return {};
  return fmt::format(R"(,"recover":true,"epoch":"{}","offset":{})", place.epoch, place.offset);
}

std::uint64_t Places::standing_at(std::uint64_t offset) const {
  std::uint64_t count = 0;
  for (const Entry& entry : all_) count += entry.channel.offset == offset ? 1 : 0;
  return count;
}

}  // namespace gatecast::bench
