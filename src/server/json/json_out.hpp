// Writes one JSON object, member by member, in order. Texts are escaped; `raw` takes JSON as it is. Pure.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

#include "protocol/json_writer.hpp"

namespace gatecast::server {

class JsonOut {
 public:
  JsonOut& text(std::string_view name, std::string_view value) {
    key(name);
    protocol::append_json_text(out_, value);
    return *this;
  }
  /// The member only where the text is not empty.
  JsonOut& text_if(std::string_view name, std::string_view value) { return value.empty() ? *this : text(name, value); }
  JsonOut& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  template <std::integral T>
  JsonOut& number(std::string_view name, T value) {
    key(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
    return *this;
  }
  JsonOut& number(std::string_view name, double value) {
    key(name);
    fmt::format_to(std::back_inserter(out_), "{:.3f}", value);
    return *this;
  }
  JsonOut& raw(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
    return *this;
  }
  JsonOut& object(std::string_view name, const JsonOut& inner) { return raw(name, inner.done()); }

  std::string done() const { return out_ + '}'; }

 private:
  void key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    protocol::append_json_text(out_, name);
    out_ += ':';
  }
  std::string out_ = "{";
};

}  // namespace gatecast::server
