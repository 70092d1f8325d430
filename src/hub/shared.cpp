// The hub with a broker: what is published goes there, what comes from there goes on to the shards.
#include "hub/hub.hpp"

namespace gatecast::hub {
namespace {
// What a small message weighs in a data lane.
constexpr std::size_t kMessageBytes = 128;
}  // namespace

void Hub::start_shared() {
  check_.assert_here();
  if (shared_ != nullptr) shared_->start();
}

void Hub::stop_shared() {
  check_.assert_here();
  if (shared_ != nullptr) shared_->stop();
}

void Hub::tend() {
  if (shared_ != nullptr) shared_->tend();
}

void Hub::on_received(std::function<void(const broker::Publication&)> fn) {
  if (shared_ != nullptr) shared_->received = std::move(fn);
}

void Hub::on_missed(std::function<void(std::string_view)> fn) {
  if (shared_ != nullptr) shared_->missed = std::move(fn);
}

// All of a channel's publications of this node go through its home: one connection keeps their order.
Task<Result<broker::StreamPosition>> Hub::publish_shared(std::shared_ptr<broker::Publication> publication,
                                                         broker::PublishOptions options) {
  using Answer = Result<broker::StreamPosition>;
  const unsigned home = home_of(publication->channel);
  if (home == shard_ && !may_take_data()) co_return Errc::overloaded;
  co_return co_await arrival<Answer>([this, home, &publication, &options](Resume<Answer> resume) {
    const std::size_t bytes = publication->data.size() + kMessageBytes;
    auto back = std::make_shared<Resume<Answer>>(std::move(resume));
    auto ask = [hub = mesh_.hubs[home], p = std::move(publication), o = std::move(options), back]() mutable {
      hub->shared_->broker().publish(std::move(p), std::move(o), [hub, back](Answer place) {
        if (place) ++hub->stats_.publications;
        (*back)(std::move(place));
      });
    };
    if (home == shard_) return ask();
    if (!mesh_.post_data(home, bytes, std::move(ask))) (*back)(Errc::overloaded);
  });
}

void Hub::publish_shared_always(std::shared_ptr<broker::Publication> publication, broker::HistoryOptions history,
                                Pushes::Then then) {
  check_.assert_here();
  ++stats_.publications;
  shared_->pushes().push(std::move(publication), history, std::move(then));
}

}  // namespace gatecast::hub
