#include "hub/pushes.hpp"

#include "core/log.hpp"

namespace gatecast::hub {
namespace {

std::size_t weight(const broker::Publication& p) { return p.channel.size() + p.data.size() + 256; }

bool passes(Errc code) { return code == Errc::temporarily_unavailable || code == Errc::overloaded; }

}  // namespace

void Pushes::push(std::shared_ptr<const broker::Publication> publication, broker::HistoryOptions history, Then then) {
  const std::size_t bytes = weight(*publication);
  if (count_ >= limits_.count || bytes_ + bytes > limits_.bytes) {
    if (lost_++ == 0) log::error("error", {{"reason", "messages to users wait for the broker, and are too many"}});
    return;
  }
  ++count_;
  bytes_ += bytes;
  const std::string channel = publication->channel;
  auto& line = lines_[channel];
  if (line == nullptr) line = std::make_unique<Line>();
  line->items.push_back({std::move(publication), history, fmt::format("{:x}-{:x}", seed_, ++last_), std::move(then)});
  begin(channel);
}

void Pushes::begin(const std::string& channel) {
  const auto at = lines_.find(channel);
  if (at == lines_.end() || at->second->under_way || !broker_.in_touch()) return;
  at->second->under_way = true;
  const Item& item = at->second->items.front();
  broker_.publish(item.publication, {.history = item.history, .idempotency_key = item.key},
                  [this, channel](const Result<broker::StreamPosition>& done) { ended(channel, done); });
}

void Pushes::ended(const std::string& channel, const Result<broker::StreamPosition>& done) {
  lines_.find(channel)->second->under_way = false;
  // It may have landed: under its key it is published once.
  if (!done && passes(done.error().code)) return;
  if (!done) {
    ++lost_;
    log::error("error", {{"reason", info(done.error().code).name}, {"detail", done.error().detail}});
  }
  finish(channel, done.has_value());
  begin(channel);
}

void Pushes::finish(const std::string& channel, bool published) {
  const auto at = lines_.find(channel);
  auto item = std::move(at->second->items.front());
  at->second->items.pop_front();
  --count_;
  bytes_ -= weight(*item.publication);
  if (at->second->items.empty()) lines_.erase(at);
  if (published && item.then) item.then();
}

void Pushes::retry() {
  if (count_ == 0 || !broker_.in_touch()) return;
  std::vector<std::string> stopped;
  for (const auto& [channel, line] : lines_) {
    if (!line->under_way) stopped.push_back(channel);
  }
  for (const auto& channel : stopped) begin(channel);
}

}  // namespace gatecast::hub
