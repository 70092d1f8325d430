#include "server/system_push.hpp"

#include "server/services.hpp"
#include "server/socket/worker.hpp"

namespace gatecast::server {
namespace {

// Of a note to a shard in its data lane.
constexpr std::size_t kNoteBytes = 64;

/// Goes behind the publication in each shard's lane, so that it is seen in the turn that sends the publication. A full
/// lane loses a measurement, no message.
void measure(Services& services, const std::string& user_id, SteadyTime since) {
  for (auto* worker : services.workers) {
    static_cast<void>(
        worker->shard().post_data(kNoteBytes, [worker, user_id, since] { worker->note_push(user_id, since); }));
  }
}

}  // namespace

void push_system(Services& services, std::string_view user_id, std::string json, std::optional<SteadyTime> since) {
  auto publication = std::make_shared<broker::Publication>();
  publication->channel = personal_channel(user_id);
  publication->data = std::move(json);
  auto* home = services.workers[services.workers.front()->hub().home_of(publication->channel)];
  home->shard().post_control([&services, home, since, publication = std::move(publication)]() mutable {
    hub::Pushes::Then then;
    if (since) {
      then = [&services, user = publication->channel.substr(1), since = *since] { measure(services, user, since); };
    }
    home->hub().publish_always(std::move(publication), history_of(Namespaces::personal()), std::move(then));
  });
}

}  // namespace gatecast::server
