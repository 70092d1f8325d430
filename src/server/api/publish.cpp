// Server API: publications into one channel or many.
#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "protocol/json_check.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kBroadcastChannels = 1000;
constexpr std::size_t kTags = 64;
constexpr std::size_t kTagBytes = 4096;  // of all names and values of one publication; each subscriber gets them
constexpr std::size_t kVersionEpochBytes = 255;

using Tags = std::vector<std::pair<std::string, std::string>>;

/// What is to be published, alike for every channel.
struct Wish {
  std::string data;
  Tags tags;
  bool skip_history = false;
  bool delta = false;
  std::uint64_t version = 0;
  std::uint64_t version_epoch = 0;
};

Result<std::string> data_of(const JsonIn& params) {
  auto encoded = params.optional_text("b64data");
  if (!encoded) return encoded.error();
  const auto plain = params.raw("data");
  if (encoded->empty()) {
    if (plain.empty()) return fail(Errc::field_missing, "data");
    return std::string(plain);
  }
  if (!plain.empty() && plain != "null") return fail(Errc::field_invalid, "give data or b64data");
  auto data = base64_decode(*encoded);
  if (!data) return fail(Errc::field_invalid, "b64data: not base64");
  // Every client speaks JSON, in which a payload of other bytes could not be told.
  if (!protocol::valid_json(*data)) return fail(Errc::field_invalid, "b64data: not JSON");
  return std::move(*data);
}

Result<Tags> tags_of(const JsonIn& params) {
  auto object = params.optional_object("tags");
  if (!object) return object.error();
  Tags tags;
  std::size_t bytes = 0;
  for (const auto& [name, raw] : object->members()) {
    auto value = object->text(name);
    if (!value) return fail(Errc::field_invalid, "tags: every value is a text");
    bytes += name.size() + value->size();
    if (tags.size() == kTags || bytes > kTagBytes) {
      return fail(Errc::field_invalid, fmt::format("tags: at most {} of {} bytes together", kTags, kTagBytes));
    }
    tags.emplace_back(name, std::move(*value));
  }
  return tags;
}

/// Versions are compared within an epoch; of its name the beginning of a digest is kept, whatever its length.
Result<void> take_version(const JsonIn& params, Wish& wish) {
  auto version = params.optional_integer("version");
  auto epoch = params.optional_text("version_epoch");
  if (!version) return version.error();
  if (!epoch) return epoch.error();
  if (version->value_or(0) < 0) return fail(Errc::field_invalid, "version: not negative");
  if (epoch->size() > kVersionEpochBytes) return fail(Errc::field_invalid, "version_epoch: at most 255 bytes");
  wish.version = static_cast<std::uint64_t>(version->value_or(0));
  if (epoch->empty()) return {};
  const std::string digest = crypto::sha256(*epoch);
  for (std::size_t i = 0; i < sizeof wish.version_epoch; ++i) {
    wish.version_epoch = wish.version_epoch << 8 | static_cast<unsigned char>(digest[i]);
  }
  return {};
}

Result<Wish> wish_of(const ApiCall& call, const JsonIn& params) {
  auto data = data_of(params);
  if (!data) return data.error();
  if (protocol::has_top_level_member(*data, "gatecast")) return Errc::reserved_data;
  if (data->size() > call.services().config.limits.message_bytes) return fail(Errc::body_too_large, "data");
  auto tags = tags_of(params);
  if (!tags) return tags.error();
  auto skip = params.optional_bool("skip_history");
  if (!skip) return skip.error();
  auto delta = params.optional_bool("delta");
  if (!delta) return delta.error();
  std::string scratch;
  Wish wish{.data = std::string(protocol::compact_newlines(*data, scratch)),
            .tags = std::move(*tags),
            .skip_history = skip->value_or(false),
            .delta = delta->value_or(false)};
  if (auto taken = take_version(params, wish); !taken) return taken.error();
  return wish;
}

Task<Answer> publish_to(ApiCall& call, std::string channel, const Wish& wish) {
  auto found = call.services().namespaces.find(channel);
  if (!found) co_return found.error();
  auto history = wish.skip_history ? broker::HistoryOptions{} : history_of(**found);
  // Passed on unchecked, an old state could take the place of a newer one unnoticed.
  if (wish.version != 0 && !history.on()) co_return fail(Errc::not_available, "version: the channel keeps no history");
  history.version = wish.version;
  history.version_epoch = wish.version_epoch;
  auto publication = std::make_shared<broker::Publication>();
  publication->channel = std::move(channel);
  publication->data = wish.data;
  publication->tags = wish.tags;
  publication->delta = wish.delta || (**found).delta_publish;
  auto position =
      co_await call.worker.hub().publish(std::move(publication), {.history = history, .durable = (**found).durable});
  if (!position) co_return position.error();
  JsonOut out;
  if (history.on()) out.number("offset", position->offset).text("epoch", broker::epoch_text(position->epoch));
  co_return out.done();
}

}  // namespace

Task<Answer> api_publish(ApiCall& call, const JsonIn& params) {
  auto channel = params.text("channel");
  if (!channel) co_return channel.error();
  auto wish = wish_of(call, params);
  if (!wish) co_return wish.error();
  co_return co_await publish_to(call, std::move(*channel), *wish);
}

Task<Answer> api_broadcast(ApiCall& call, const JsonIn& params) {
  auto channels = params.texts("channels", kBroadcastChannels);
  if (!channels) co_return channels.error();
  auto wish = wish_of(call, params);
  if (!wish) co_return wish.error();
  std::string responses = "[";
  for (auto& channel : *channels) {
    auto answer = co_await publish_to(call, std::move(channel), *wish);
    if (responses.size() > 1) responses += ',';
    responses += answer_json(answer);
  }
  co_return JsonOut().raw("responses", responses + "]").done();
}

}  // namespace gatecast::server
