#include "http/parser.hpp"

#include <algorithm>
#include <utility>

#include "http/head.hpp"

namespace gatecast::http {

Result<std::size_t> RequestParser::feed(std::string_view bytes) {
  if (phase_ == Phase::failed) return fail(failure_, "after an error");
  std::size_t used = 0;
  while (used < bytes.size() && phase_ != Phase::done) {
    const std::string_view rest = bytes.substr(used);
    Result<std::size_t> step = phase_ == Phase::head         ? feed_head(rest)
                               : phase_ == Phase::sized_body ? feed_sized(rest)
                                                             : feed_chunked(rest);
    if (!step) {
      phase_ = Phase::failed;
      failure_ = step.error().code;
      return step;
    }
    used += *step;
  }
  return used;
}

Request RequestParser::take() {
  Request out = std::move(request_);
  *this = RequestParser(limits_);
  return out;
}

Result<std::size_t> RequestParser::feed_head(std::string_view bytes) {
  bool whole = false;
  auto scanned = scan_head(bytes, whole);
  if (!scanned) return scanned;
  const std::string_view piece = bytes.substr(0, *scanned);
  if (!whole || !head_.empty()) head_.append(piece);
  if (!whole) return scanned;
  // A head that came in one piece is parsed where it lies.
  std::string_view head = head_.empty() ? piece : std::string_view(head_);
  if (head.starts_with('\r')) head.remove_prefix(2);
  if (auto ok = begin(head); !ok) return std::move(ok.error());
  head_ = {};
  return scanned;
}

/// Looks for the empty line. What no reading of HTTP allows, and what Beast would join, is refused at its first byte.
Result<std::size_t> RequestParser::scan_head(std::string_view bytes, bool& whole) {
  const auto malformed = [](const char* why) { return fail(Errc::http_malformed, why); };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (scanned_++ == limits_.header_bytes) return fail(Errc::header_too_large, "request head over the limit");
    if (c == '\n' && scan_ != Scan::cr && scan_ != Scan::start_cr && scan_ != Scan::end_cr) return malformed("bare LF");
    switch (scan_) {
      case Scan::start:
        // RFC 9112 §2.2: an empty line before the request line is ignored; one.
        if (c == '\r') {
          scan_ = Scan::start_cr;
          break;
        }
        [[fallthrough]];
      case Scan::line_start:
        if (c == ' ' || c == '\t') return malformed("line begins with a blank");
        if (c == '\r') {
          if (first_line_) return malformed("no request line");
          scan_ = Scan::end_cr;
          break;
        }
        scan_ = Scan::line;
        [[fallthrough]];
      case Scan::line:
        if (c == '\r') {
          scan_ = Scan::cr;
        } else if ((c < ' ' && c != '\t') || c == 0x7F) {
          return malformed("control character");
        }
        break;
      case Scan::start_cr:
      case Scan::cr:
        if (c != '\n') return malformed("bare CR");
        if (scan_ == Scan::cr) first_line_ = false;
        scan_ = Scan::line_start;
        break;
      case Scan::end_cr:
        if (c != '\n') return malformed("bare CR");
        whole = true;
        return i + 1;
    }
  }
  return bytes.size();
}

Result<void> RequestParser::begin(std::string_view text) {
  auto head = parse_head(text);
  if (!head) return std::move(head.error());
  request_ = std::move(head->request);
  expects_continue_ = head->expects_continue;
  if (head->content_length > limits_.body_bytes) return fail(Errc::body_too_large, "Content-Length over the limit");
  remaining_ = head->content_length;
  if (head->chunked) chunked_.emplace(limits_.body_bytes);
  phase_ = head->chunked ? Phase::chunked_body : remaining_ != 0 ? Phase::sized_body : Phase::done;
  return {};
}

Result<std::size_t> RequestParser::feed_sized(std::string_view bytes) {
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  request_.body.append(bytes.substr(0, take));
  body_begun_ = true;
  remaining_ -= take;
  if (remaining_ == 0) phase_ = Phase::done;
  return take;
}

Result<std::size_t> RequestParser::feed_chunked(std::string_view bytes) {
  body_begun_ = true;
  auto used = chunked_->feed(bytes, request_.body);
  if (used && chunked_->done()) phase_ = Phase::done;
  return used;
}

}  // namespace gatecast::http
