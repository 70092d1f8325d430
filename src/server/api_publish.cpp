// Server API: publications into one channel or many.
#include "protocol/json_check.hpp"
#include "server/api_methods.hpp"
#include "server/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kBroadcastChannels = 1000;

Result<std::shared_ptr<broker::Publication>> publication_of(const ApiCall& call, std::string_view channel,
                                                            const JsonIn& params) {
  const auto data = params.raw("data");
  if (data.empty()) return fail(Errc::field_missing, "data");
  if (protocol::has_top_level_member(data, "gatecast")) return Errc::reserved_data;
  if (data.size() > call.services().config.limits.message_bytes) return fail(Errc::body_too_large, "data");
  auto publication = std::make_shared<broker::Publication>();
  publication->channel = channel;
  std::string scratch;
  publication->data = protocol::compact_newlines(data, scratch);
  return publication;
}

Task<Answer> publish_to(ApiCall& call, std::string channel, const JsonIn& params) {
  auto found = call.services().namespaces.find(channel);
  if (!found) co_return found.error();
  auto publication = publication_of(call, channel, params);
  if (!publication) co_return publication.error();
  auto position = co_await call.worker.hub().publish(std::move(*publication), history_of(**found));
  if (!position) co_return position.error();
  JsonOut out;
  if (position->offset != 0) out.number("offset", position->offset).text("epoch", broker::epoch_text(position->epoch));
  co_return out.done();
}

}  // namespace

Task<Answer> api_publish(ApiCall& call, const JsonIn& params) {
  auto channel = params.text("channel");
  if (!channel) co_return channel.error();
  co_return co_await publish_to(call, std::move(*channel), params);
}

Task<Answer> api_broadcast(ApiCall& call, const JsonIn& params) {
  auto channels = params.texts("channels", kBroadcastChannels);
  if (!channels) co_return channels.error();
  std::string responses = "[";
  for (auto& channel : *channels) {
    auto answer = co_await publish_to(call, std::move(channel), params);
    if (responses.size() > 1) responses += ',';
    responses += answer_json(answer);
  }
  co_return JsonOut().raw("responses", responses + "]").done();
}

}  // namespace gatecast::server
