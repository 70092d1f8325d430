#include <boost/json.hpp>

#include "server/config/raw.hpp"

namespace gatecast::server {
namespace {

namespace json = boost::json;

Raw convert(const json::value& from, const Raw& origin) {
  Raw out{.where = origin.where, .folder = origin.folder};
  switch (from.kind()) {
    case json::kind::object: {
      Raw::Table table;
      for (const auto& member : from.get_object()) {
        table.emplace_back(std::string(member.key()), convert(member.value(), origin));
      }
      out.value = std::move(table);
      break;
    }
    case json::kind::array: {
      Raw::List list;
      for (const auto& item : from.get_array()) list.push_back(convert(item, origin));
      out.value = std::move(list);
      break;
    }
    case json::kind::string: out.value = std::string(from.get_string()); break;
    case json::kind::bool_: out.value = from.get_bool(); break;
    case json::kind::int64: out.value = from.get_int64(); break;
    case json::kind::uint64: out.value = static_cast<double>(from.get_uint64()); break;
    case json::kind::double_: out.value = from.get_double(); break;
    case json::kind::null: out.value = std::string(); break;
  }
  return out;
}

}  // namespace

bool read_json(std::string_view text, const Raw& origin, Raw& out, std::string& problem) {
  json::error_code ec;
  json::value parsed = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) {
    problem = fmt::format("not JSON: {}", ec.message());
    return false;
  }
  out = convert(parsed, origin);
  return true;
}

}  // namespace gatecast::server
