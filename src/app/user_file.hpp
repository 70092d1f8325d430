// Users from a file, one after another: JSON lines, or CSV with a heading.
//
// A record is the JSON object of one user, in the form of the server API's user_upsert. CSV (RFC 4180): columns id,
// nickname, avatar, isCreator, isVerified, blocked, ref_code, referrer, claims, and solana, ethereum, telegram for one
// identity each; an empty field is one that is not given. Threads: one. Bounds: a record of kRecordBytesMax.
// Errors: config_invalid for a heading that is none; a record that is none says so itself.
#pragma once

#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"

namespace gatecast::app {

inline constexpr std::size_t kRecordBytesMax = 64 * 1024;

struct UserRecord {
  std::size_t line = 0;   // where it begins, from 1
  std::string json{};     // of one object; empty where the record is none
  std::string problem{};  // then: why
};

class UserFile {
 public:
  virtual ~UserFile() = default;
  /// The next record, or nothing at the end.
  virtual std::optional<UserRecord> next() = 0;
};

std::unique_ptr<UserFile> read_jsonl(std::istream& in);
Result<std::unique_ptr<UserFile>> read_csv(std::istream& in);

}  // namespace gatecast::app
