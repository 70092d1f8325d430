// Whatever the text: no crash; what is good names a user and a database, and no remark shows what may be a password.
#include <cstdint>
#include <cstdlib>

#include "store/postgres_url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = gatecast::store::parse_postgres_url(text);
  if (url.ok() && (url.find("user").empty() || url.find("dbname").empty())) std::abort();
  for (const auto& word : url.words) {
    if (word.value.expose().find('\0') != std::string_view::npos) std::abort();
  }
  const auto password = url.find("password");
  // No remark of ours has that sign, and no name of a parameter.
  if (password.find('~') == std::string_view::npos) return 0;
  for (const auto* remarks : {&url.problems, &url.notes}) {
    for (const auto& remark : *remarks) {
      if ((remark.text + remark.cure).find('~') != std::string::npos) std::abort();
    }
  }
  return 0;
}
