#include "http/head.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

#include "http/parser.hpp"
#include "http/target.hpp"

namespace gatecast::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using BeastView = beast::string_view;

std::string_view view(BeastView s) { return {s.data(), s.size()}; }

/// Beast's parser of the head alone; bodies are never shown to it.
class HeadSplitter final : public beast::http::basic_parser<true> {
 public:
  explicit HeadSplitter(Request& request) : request_(request) {}
  bool too_many_fields() const { return too_many_fields_; }

 private:
  using Ec = beast::error_code;
  void on_request_impl(beast::http::verb, BeastView method, BeastView target, int version, Ec&) override {
    request_.method = view(method);
    request_.target = view(target);
    request_.http_1_1 = version == 11;
  }
  void on_field_impl(beast::http::field, BeastView name, BeastView value, Ec& ec) override {
    if (request_.headers.size() == kMaxHeaders) {
      too_many_fields_ = true;
      ec = error::header_limit;
      return;
    }
    request_.headers.emplace_back(view(name), view(value));
  }
  void on_response_impl(int, BeastView, int, Ec&) override {}
  void on_header_impl(Ec&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Ec&) override {}
  std::size_t on_body_impl(BeastView, Ec&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastView, Ec&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView, Ec&) override { return 0; }
  void on_finish_impl(Ec&) override {}

  Request& request_;
  bool too_many_fields_ = false;
};

Error malformed(std::string why) { return fail(Errc::http_malformed, std::move(why)); }

/// Tells a request of another version from a line that is no request.
Result<void> check_request_line(std::string_view line) {
  const std::size_t last = line.rfind(' ');
  if (last == std::string_view::npos) return malformed("no version in the request line");
  const std::string_view version = line.substr(last + 1);
  const auto digit = [&](std::size_t i) { return version[i] >= '0' && version[i] <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(5) || version[6] != '.' || !digit(7)) {
    return malformed("malformed version");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return fail(Errc::http_version, std::string(version));
  const std::size_t first = line.find(' ');
  if (last > first && last - first - 1 > kMaxTargetBytes) return fail(Errc::header_too_large, "request target");
  return {};
}

std::size_t count(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::ranges::count_if(headers, [name](const Header& h) { return iequals(h.first, name); }));
}

Result<void> check_host(Request& request, const std::string& authority) {
  const std::size_t hosts = count(request.headers, "host");
  if (hosts > 1) return malformed("several Host fields");
  if (hosts == 0 && request.http_1_1) return malformed("no Host field");
  if (hosts == 1 && !valid_host(request.header("host"))) return malformed("malformed Host field");
  if (authority.empty()) return {};
  // RFC 9112 §3.2.2: the host of an absolute target replaces the field.
  std::erase_if(request.headers, [](const Header& h) { return iequals(h.first, "host"); });
  request.headers.emplace_back("Host", authority);
  return {};
}

/// The body's length, from exactly one place (RFC 9112 §6.3).
Result<void> check_framing(Head& head) {
  const Request& request = head.request;
  const std::size_t codings = count(request.headers, "transfer-encoding");
  const std::size_t lengths = count(request.headers, "content-length");
  if (codings != 0) {
    if (lengths != 0) return malformed("Transfer-Encoding and Content-Length");
    if (!request.http_1_1) return malformed("Transfer-Encoding on HTTP/1.0");
    if (codings > 1 || !iequals(request.header("transfer-encoding"), "chunked")) {
      return malformed("transfer coding other than chunked");
    }
    head.chunked = true;
  } else if (lengths != 0) {
    if (lengths > 1) return malformed("several Content-Length fields");
    const std::string_view text = request.header("content-length");
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), head.content_length);
    if (ec != std::errc{} || end != text.data() + text.size()) return malformed("malformed Content-Length");
  }
  return {};
}

Result<void> check_expect(Head& head) {
  const std::string expect = join_header(head.request.headers, "expect");
  if (expect.empty()) return {};
  if (!iequals(expect, "100-continue")) return fail(Errc::expectation_failed, "Expect is not 100-continue");
  // RFC 9110 §10.1.1: ignored on HTTP/1.0, and needless without a body.
  head.expects_continue = head.request.http_1_1 && (head.chunked || head.content_length != 0);
  return {};
}

Result<Request> split(std::string_view head) {
  Request request;
  HeadSplitter splitter(request);
  splitter.skip(true);
  splitter.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  beast::error_code ec;
  const std::size_t used = splitter.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (splitter.too_many_fields()) return fail(Errc::header_too_large, "too many header fields");
  if (ec) return malformed(ec.message());
  if (!splitter.is_done() || used != head.size()) return malformed("head ends early");
  request.keep_alive = request.http_1_1 && splitter.keep_alive();
  return request;
}

}  // namespace

Result<Head> parse_head(std::string_view text) {
  if (auto ok = check_request_line(text.substr(0, text.find('\r'))); !ok) return std::move(ok.error());
  auto request = split(text);
  if (!request) return std::move(request.error());
  auto target = parse_target(request->method, request->target);
  if (!target) return std::move(target.error());

  Head head{std::move(*request)};
  head.request.path = std::move(target->path);
  head.request.query = std::move(target->query);
  if (auto ok = check_host(head.request, target->authority); !ok) return std::move(ok.error());
  if (auto ok = check_framing(head); !ok) return std::move(ok.error());
  if (auto ok = check_expect(head); !ok) return std::move(ok.error());
  return head;
}

}  // namespace gatecast::http
