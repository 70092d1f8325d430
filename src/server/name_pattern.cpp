#include "server/name_pattern.hpp"

#include <fmt/format.h>

namespace gatecast::server {
namespace {

/// Bytes of the UTF-8 character at the beginning of `rest`.
std::size_t character_at(std::string_view rest) {
  std::size_t size = 1;
  while (size < rest.size() && (static_cast<unsigned char>(rest[size]) & 0xc0) == 0x80) ++size;
  return size;
}

}  // namespace

Result<NamePattern> NamePattern::parse(std::string_view text) {
  if (text.size() > kBytesMax) return fail(Errc::field_invalid, fmt::format("pattern: at most {} bytes", kBytesMax));
  using Kind = Piece::Kind;
  NamePattern pattern;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '*':
        if (pattern.pieces_.empty() || pattern.pieces_.back().kind != Kind::any) {
          pattern.pieces_.push_back({Kind::any, 0});
        }
        break;
      case '?': pattern.pieces_.push_back({Kind::character, 0}); break;
      case '[':
      case '{': return fail(Errc::field_invalid, "pattern: only * and ? have a meaning; write \\[ and \\{");
      case '\\':
        if (++i == text.size()) return fail(Errc::field_invalid, "pattern: nothing behind the last \\");
        [[fallthrough]];
      default: pattern.pieces_.push_back({Kind::byte, text[i]});
    }
  }
  pattern.everything_ = text.empty();
  return pattern;
}

// Where it fails behind a `*`, that one takes a byte more; an earlier `*` never needs to.
bool NamePattern::matches(std::string_view name) const {
  if (everything_) return true;
  using Kind = Piece::Kind;
  std::size_t piece = 0, at = 0;
  std::size_t star = pieces_.size(), star_at = 0;
  while (at < name.size()) {
    if (piece < pieces_.size() && pieces_[piece].kind == Kind::any) {
      star = piece++;
      star_at = at;
    } else if (piece < pieces_.size() && pieces_[piece].kind == Kind::character) {
      at += character_at(name.substr(at));
      ++piece;
    } else if (piece < pieces_.size() && pieces_[piece].byte == name[at]) {
      ++at;
      ++piece;
    } else if (star < pieces_.size()) {
      at = ++star_at;
      piece = star + 1;
    } else {
      return false;
    }
  }
  while (piece < pieces_.size() && pieces_[piece].kind == Kind::any) ++piece;
  return piece == pieces_.size();
}

}  // namespace gatecast::server
