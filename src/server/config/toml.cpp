// The one file that sees toml++, whose parser throws: nothing of either leaves it.
#include <toml++/toml.h>

#include <sstream>

#include "server/config/raw.hpp"

namespace gatecast::server {
namespace {

std::string place(const std::string& name, const toml::source_position& at) {
  return fmt::format("{}:{}:{}", name, at.line, at.column);
}

Raw convert(const toml::node& node, const std::string& name, const std::string& folder, std::string where) {
  Raw out{.where = std::move(where), .folder = folder};
  if (const auto* members = node.as_table()) {
    Raw::Table table;
    for (const auto& [key, member] : *members) {
      table.emplace_back(std::string(key.str()), convert(member, name, folder, place(name, key.source().begin)));
    }
    out.value = std::move(table);
  } else if (const auto* items = node.as_array()) {
    Raw::List list;
    for (const auto& item : *items) list.push_back(convert(item, name, folder, place(name, item.source().begin)));
    out.value = std::move(list);
  } else if (const auto* boolean = node.as_boolean()) {
    out.value = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    out.value = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    out.value = number->get();
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else {
    // Dates and times: their text form is what the other sources have.
    std::ostringstream text_form;
    if (const auto* d = node.as_date()) text_form << *d;
    if (const auto* t = node.as_time()) text_form << *t;
    if (const auto* dt = node.as_date_time()) text_form << *dt;
    out.value = text_form.str();
  }
  return out;
}

}  // namespace

bool read_toml(std::string_view text, const std::string& name, const std::string& folder, Raw& out,
               std::vector<Finding>& findings) {
  try {
    toml::table root = toml::parse(text, name);
    out = convert(root, name, folder, name);
    return true;
  } catch (const toml::parse_error& e) {
    findings.push_back({Finding::Level::error, place(name, e.source().begin), "",
                        fmt::format("not TOML: {}", e.description()),
                        "Correct the line; texts need quotes, lists brackets, and a table is named once."});
  } catch (const std::exception& e) {
    findings.push_back({Finding::Level::error, name, "", fmt::format("not readable: {}", e.what()), ""});
  }
  return false;
}

}  // namespace gatecast::server
