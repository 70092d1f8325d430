// Telegram's fields: what is accepted is sorted, has no name twice, and its check string has a line for each field, so
// that it reads as these fields and no others. A proof of nonsense is refused by code.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "identity/telegram.hpp"

namespace {

using namespace gatecast;
using namespace gatecast::identity;

std::vector<TelegramField> fields_of(std::string_view check_string) {
  std::vector<TelegramField> out;
  for (bool more = true; more;) {
    const std::size_t end = check_string.find('\n');
    const std::string_view line = check_string.substr(0, end);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) std::abort();
    out.push_back({std::string(line.substr(0, equals)), std::string(line.substr(equals + 1))});
    more = end != std::string_view::npos;
    if (more) check_string.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TelegramPolicy kPolicy{
      .bots = {TelegramBot::make(1, Secret("1:token")).value(), TelegramBot::make(2, Secret()).value()}};
  const std::string query(data, data + size);
  const WallTime now = from_unix_seconds(1'733'584'787);
  const auto claim = verify_init_data(query, kPolicy, now);
  const auto widget = verify_login_widget(query, kPolicy, now);
  const Result<InitData> parsed = InitData::parse(query);
  if (!parsed) {
    if (claim || claim.error().code != Errc::initdata_malformed) std::abort();
    if (widget || widget.error().code != Errc::widget_malformed) std::abort();
    return 0;
  }
  const auto& fields = parsed->fields();
  if (!std::ranges::is_sorted(fields, {}, &TelegramField::name)) std::abort();
  if (fields_of(parsed->check_string({})) != fields) std::abort();
  if (InitData::from_fields(fields)->fields() != fields) std::abort();
  return 0;
}
