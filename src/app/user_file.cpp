#include "app/user_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "protocol/json_check.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using server::JsonIn;
using server::JsonOut;

class JsonLines final : public UserFile {
 public:
  explicit JsonLines(std::istream& in) : in_(in) {}

  std::optional<UserRecord> next() override {
    for (std::string text; std::getline(in_, text);) {
      ++line_;
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (text.size() > kRecordBytesMax) return UserRecord{line_, {}, "longer than 64 KB"};
      if (!JsonIn::parse(text)) return UserRecord{line_, {}, "not one JSON object with distinct members"};
      // A carriage return between tokens is no harm to JSON, but nothing but the record's end may end a line.
      std::erase(text, '\r');
      return UserRecord{line_, std::move(text), {}};
    }
    return std::nullopt;
  }

 private:
  std::istream& in_;
  std::size_t line_ = 0;
};

constexpr std::array<std::string_view, 6> kTextColumns{"id", "nickname", "avatar", "ref_code", "referrer", "claims"};
constexpr std::array<std::string_view, 3> kBoolColumns{"isCreator", "isVerified", "blocked"};
constexpr std::array<std::string_view, 3> kIdentityColumns{"solana", "ethereum", "telegram"};

bool among(const auto& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

class Csv final : public UserFile {
 public:
  explicit Csv(std::istream& in) : in_(in) {}

  Result<void> read_heading() {
    std::string problem;
    if (!fields(columns_, problem)) return fail(Errc::config_invalid, "the file is empty");
    if (!problem.empty()) return fail(Errc::config_invalid, fmt::format("line 1: {}", problem));
    if (!columns_.empty() && columns_[0].starts_with("\xEF\xBB\xBF")) columns_[0].erase(0, 3);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto& name = columns_[i];
      if (!among(kTextColumns, name) && !among(kBoolColumns, name) && !among(kIdentityColumns, name)) {
        return fail(Errc::config_invalid, fmt::format("line 1: there is no column '{}'", name.substr(0, 64)));
      }
      if (std::find(columns_.begin(), columns_.begin() + static_cast<std::ptrdiff_t>(i), name) !=
          columns_.begin() + static_cast<std::ptrdiff_t>(i)) {
        return fail(Errc::config_invalid, fmt::format("line 1: column '{}' is there twice", name));
      }
    }
    if (!among(columns_, "id")) return fail(Errc::config_invalid, "line 1: there is no column 'id'");
    return {};
  }

  std::optional<UserRecord> next() override {
    for (;;) {
      const std::size_t begins = line_ + 1;
      std::vector<std::string> values;
      std::string problem;
      if (!fields(values, problem)) return std::nullopt;
      if (values.size() == 1 && values[0].empty() && problem.empty()) continue;
      if (problem.empty() && values.size() != columns_.size()) {
        problem = fmt::format("{} fields, the heading has {}", values.size(), columns_.size());
      }
      UserRecord record{.line = begins};
      if (problem.empty()) record.json = json_of(values, problem);
      if (!problem.empty()) record = {begins, {}, std::move(problem)};
      return record;
    }
  }

 private:
  /// One record's fields; false at the end of the file.
  bool fields(std::vector<std::string>& out, std::string& problem) {
    if (in_.peek() == std::istream::traits_type::eof()) return false;
    out.assign(1, {});
    bool quoted = false;
    std::size_t bytes = 0;
    for (int c = in_.get(); c != std::istream::traits_type::eof(); c = in_.get()) {
      if (c == '\n') ++line_;
      if (++bytes > kRecordBytesMax && problem.empty()) problem = "longer than 64 KB";
      if (quoted) {
        if (c != '"') {
          if (problem.empty()) out.back() += static_cast<char>(c);
        } else if (in_.peek() == '"') {
          out.back() += static_cast<char>(in_.get());
        } else {
          quoted = false;
        }
        continue;
      }
      if (c == '\n') return true;
      if (c == '\r' && in_.peek() == '\n') continue;
      if (c == ',') {
        out.emplace_back();
      } else if (c == '"' && out.back().empty()) {
        quoted = true;
      } else if (problem.empty()) {
        out.back() += static_cast<char>(c);
      }
    }
    ++line_;
    if (quoted) problem = "a quote is not closed";
    return true;
  }

  std::string json_of(const std::vector<std::string>& values, std::string& problem) const {
    JsonOut out;
    std::string identities;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& name = columns_[i];
      const auto& value = values[i];
      if (value.empty()) continue;
      if (name == "claims") {
        if (!protocol::valid_json(value)) problem = "claims: not JSON";
        std::string scratch;
        out.raw(name, protocol::compact_newlines(value, scratch));
      } else if (among(kTextColumns, name)) {
        out.text(name, value);
      } else if (among(kBoolColumns, name)) {
        const bool yes = value == "true" || value == "1" || value == "yes";
        if (!yes && value != "false" && value != "0" && value != "no") problem = name + ": not true or false";
        out.boolean(name, yes);
      } else {
        if (!identities.empty()) identities += ',';
        identities += JsonOut().text("kind", name).text("subject", value).done();
      }
    }
    if (!identities.empty()) out.raw("identities", "[" + identities + "]");
    std::string json = out.done();
    if (problem.empty() && !JsonIn::parse(json)) problem = "not UTF-8";
    return json;
  }

  std::istream& in_;
  std::vector<std::string> columns_;
  std::size_t line_ = 0;
};

}  // namespace

std::unique_ptr<UserFile> read_jsonl(std::istream& in) { return std::make_unique<JsonLines>(in); }

Result<std::unique_ptr<UserFile>> read_csv(std::istream& in) {
  auto file = std::make_unique<Csv>(in);
  if (auto heading = file->read_heading(); !heading) return heading.error();
  return std::unique_ptr<UserFile>(std::move(file));
}

}  // namespace gatecast::app
