// Who is on a channel: entered at its home, told to those who see joins in the order in which the home learnt of it.
#include "hub/hub.hpp"

namespace gatecast::hub {
void Hub::enter(const std::string& channel, const broker::ClientInfoRef& who, bool listed, bool told) {
  check_.assert_here();
  to_home(channel, [channel, who, listed, told](Hub& home) {
    if (home.shared_ != nullptr) return home.shared_->broker().enter(channel, who, listed, told);
    if (listed) home.presence_.enter(channel, who);
    if (told) home.home_spread(broker::presence_news(channel, *who, broker::PublicationKind::join));
  });
}

void Hub::leave(const std::string& channel, const broker::ClientInfoRef& who, bool listed, bool told) {
  check_.assert_here();
  to_home(channel, [channel, who, listed, told](Hub& home) {
    if (home.shared_ != nullptr) return home.shared_->broker().leave(channel, who, listed, told);
    if (listed) home.presence_.leave(channel, who->client);
    if (told) home.home_spread(broker::presence_news(channel, *who, broker::PublicationKind::leave));
  });
}

Task<Result<std::vector<broker::ClientInfoRef>>> Hub::presence(std::string channel, std::size_t most) {
  using All = std::vector<broker::ClientInfoRef>;
  if (shared_ != nullptr) {
    co_return co_await at_broker<All>(channel, [channel, most](broker::Broker& broker, broker::Done<All> done) {
      broker.presence(channel, most, std::move(done));
    });
  }
  co_return co_await at_home<Result<All>>(
      channel, [channel, most](Hub& home) { return Result<All>(home.presence_.clients(channel, most)); });
}

Task<Result<broker::PresenceCount>> Hub::presence_count(std::string channel) {
  using Count = broker::PresenceCount;
  if (shared_ != nullptr) {
    co_return co_await at_broker<Count>(channel, [channel](broker::Broker& broker, broker::Done<Count> done) {
      broker.presence_count(channel, std::move(done));
    });
  }
  co_return co_await at_home<Result<Count>>(
      channel, [channel](Hub& home) { return Result<Count>(home.presence_.count(channel)); });
}

}  // namespace gatecast::hub
