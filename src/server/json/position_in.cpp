#include "server/json/position_in.hpp"

namespace gatecast::server {

Result<std::optional<broker::StreamPosition>> position_in(const JsonIn& params, std::string_view name) {
  using Position = std::optional<broker::StreamPosition>;
  if (!params.has(name) || params.raw(name) == "null") return Position{};
  auto place = params.optional_object(name);
  if (!place) return place.error();
  auto offset = place->optional_integer("offset");
  if (!offset) return offset.error();
  auto epoch = place->optional_text("epoch");
  if (!epoch) return epoch.error();
  if (offset->value_or(0) < 0) return fail(Errc::field_invalid, fmt::format("{}: offset is not negative", name));
  return Position{{static_cast<std::uint64_t>(offset->value_or(0)), broker::epoch_asked(*epoch)}};
}

}  // namespace gatecast::server
