#include "adapters/https/transfer.hpp"

#include <openssl/ssl.h>

#include <algorithm>

namespace gatecast::https {
namespace {

constexpr std::size_t kHeaderBytesMax = 32 * 1024;

/// The URL's host and port, for the log: a path or query may hold a key.
std::string_view authority_of(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == std::string_view::npos) return "?";
  url.remove_prefix(start + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '\t' || (c >= ' ' && c != 0x7F); });
}

/// Adds the authorities of a file to the system's, which libcurl has loaded.
CURLcode add_authorities(CURL*, void* context, void* file) {
  const auto* path = static_cast<const std::string*>(file);
  return SSL_CTX_load_verify_file(static_cast<SSL_CTX*>(context), path->c_str()) == 1 ? CURLE_OK
                                                                                      : CURLE_SSL_CACERT_BADFILE;
}

}  // namespace

Error Transfer::failure(std::string_view why) const {
  return fail(Errc::outbound_failed, fmt::format("{}: {}", authority_of(request_.url), why));
}

Result<void> Transfer::add_headers() {
  // "Expect:" keeps libcurl from waiting for a 100 before a longer body.
  std::vector<std::string> lines = {"Expect:", "User-Agent: gatecast"};
  for (const auto& [name, value] : request_.headers) {
    if (name.empty() || !one_line(name) || !one_line(value) || name.find_first_of(": \t") != std::string::npos) {
      return failure("a header of the request is malformed");
    }
    // libcurl takes a header that ends in its colon as the wish to send none.
    lines.push_back(value.empty() ? name + ';' : fmt::format("{}: {}", name, value));
  }
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return failure("out of memory");
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }
  return {};
}

Result<CURL*> Transfer::begin(const std::string& ca_file, SteadyTime now) {
  const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline_ - now).count();
  if (left <= 0) return failure("no time left before it could begin");
  if (request_.method != "GET" && request_.method != "POST") return failure("neither GET nor POST");
  if (auto good = add_headers(); !good) return std::move(good.error());
  handle_.reset(curl_easy_init());
  if (!handle_) return failure("no transfer could be made");
  CURL* h = handle_.get();
  const auto set = [h](CURLoption option, auto value) { return curl_easy_setopt(h, option, value) == CURLE_OK; };
  bool good = set(CURLOPT_URL, request_.url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http,https") &&
              set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_PROXY, "") && set(CURLOPT_NOSIGNAL, 1L) &&
              set(CURLOPT_TIMEOUT_MS, static_cast<long>(left)) &&
              set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(left)) && set(CURLOPT_SSL_VERIFYPEER, 1L) &&
              set(CURLOPT_SSL_VERIFYHOST, 2L) && set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2}) &&
              set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1}) && set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
              set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED}) && set(CURLOPT_HTTPHEADER, headers_.get()) &&
              set(CURLOPT_PRIVATE, this) && set(CURLOPT_WRITEDATA, this) && set(CURLOPT_WRITEFUNCTION, &on_body) &&
              set(CURLOPT_HEADERDATA, this) && set(CURLOPT_HEADERFUNCTION, &on_header);
  if (request_.method == "POST") {
    good = good && set(CURLOPT_POST, 1L) && set(CURLOPT_POSTFIELDS, request_.body.data()) &&
           set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
  if (!ca_file.empty()) {
    ca_file_ = ca_file;
    good = good && set(CURLOPT_SSL_CTX_FUNCTION, &add_authorities) && set(CURLOPT_SSL_CTX_DATA, &ca_file_);
  }
  if (!good) return failure("this libcurl lacks a setting that is needed");
  return h;
}

std::size_t Transfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t got = size * count;
  if (transfer.reply_.body.size() + got > transfer.request_.reply_bytes) {
    transfer.too_long_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.reply_.body.append(bytes, got);
  return got;
}

std::size_t Transfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t got = size * count;
  transfer.header_bytes_ += got;
  if (transfer.header_bytes_ > kHeaderBytesMax || !transfer.take_header({bytes, got})) {
    transfer.too_long_ = true;
    return 0;
  }
  return got;
}

bool Transfer::take_header(std::string_view line) {
  // A status line begins the headers of a reply: those of an interim one before it do not count.
  if (line.starts_with("HTTP/")) reply_.headers.clear();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  const auto trim = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return std::string_view{};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  };
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  reply_.headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
  return true;
}

void Transfer::finish(CURLcode outcome) {
  if (outcome != CURLE_OK) {
    const std::string_view why = too_long_ ? "the reply is too long" : curl_easy_strerror(outcome);
    return answer_(Result<outbound::Reply>(failure(why)));
  }
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  reply_.status = static_cast<unsigned>(status);
  answer_(Result<outbound::Reply>(std::move(reply_)));
}

}  // namespace gatecast::https
