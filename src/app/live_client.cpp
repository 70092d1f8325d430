#include "app/live_client.hpp"

#include <openssl/ssl.h>

#include <algorithm>

#include "app/live_curl.hpp"

namespace gatecast::app {
namespace {

constexpr std::size_t kReplyMax = std::size_t{1} << 20;

struct FreeCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

CURLcode add_authorities(CURL*, void* context, void* file) {
  const auto* path = static_cast<const std::string*>(file);
  return SSL_CTX_load_verify_file(static_cast<SSL_CTX*>(context), path->c_str()) == 1 ? CURLE_OK
                                                                                      : CURLE_SSL_CACERT_BADFILE;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* reply) {
  take_header({bytes, size * count}, *static_cast<HttpReply*>(reply));
  return size * count;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* reply) {
  auto& body = static_cast<HttpReply*>(reply)->body;
  if (body.size() + size * count > kReplyMax) return 0;
  body.append(bytes, size * count);
  return size * count;
}

}  // namespace

bool prepare(CURL* h, const Place& place, std::chrono::milliseconds time, char* error) {
  const auto set = [h](CURLoption option, auto value) { return curl_easy_setopt(h, option, value) == CURLE_OK; };
  const long verify = place.any_certificate ? 0 : 1;
  bool good = set(CURLOPT_PROTOCOLS_STR, "http,https") && set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_PROXY, "") &&
              set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_TIMEOUT_MS, static_cast<long>(time.count())) &&
              set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(time.count())) && set(CURLOPT_SSL_VERIFYPEER, verify) &&
              set(CURLOPT_SSL_VERIFYHOST, verify * 2) && set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2}) &&
              set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1}) && set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
              set(CURLOPT_ERRORBUFFER, error);
  if (!place.ca_file.empty()) {
    good = good && set(CURLOPT_SSL_CTX_FUNCTION, &add_authorities) && set(CURLOPT_SSL_CTX_DATA, &place.ca_file);
  }
  return good;
}

Error curl_error(CURLcode code, const char* error) {
  const bool of_tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
                      code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR;
  const std::string_view detail =
      error != nullptr && *error != '\0' ? std::string_view(error) : curl_easy_strerror(code);
  return fail(of_tls ? Errc::tls_certificate : Errc::outbound_failed, std::string(detail));
}

void take_header(std::string_view line, HttpReply& reply) {
  if (line.starts_with("HTTP/")) reply.headers.clear();
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  auto value = line.substr(colon + 1);
  const auto first = value.find_first_not_of(" \t\r\n");
  value = first == std::string_view::npos ? std::string_view{}
                                          : value.substr(first, value.find_last_not_of(" \t\r\n") - first + 1);
  reply.headers.emplace_back(lower(line.substr(0, colon)), value);
}

std::string_view HttpReply::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Fields::value_type::first);
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<std::int64_t> HttpReply::date() const {
  const std::string text(header("date"));
  if (text.empty()) return std::nullopt;
  const auto at = curl_getdate(text.c_str(), nullptr);
  return at < 0 ? std::nullopt : std::optional<std::int64_t>(at);
}

Result<HttpReply> http_call(const Place& place, std::string_view path, const Fields& headers, const std::string& body,
                            std::chrono::milliseconds time) {
  std::unique_ptr<CURL, FreeCurl> handle(curl_easy_init());
  std::unique_ptr<curl_slist, FreeCurl> list;
  char error[CURL_ERROR_SIZE] = {};
  if (!handle || !prepare(handle.get(), place, time, error)) return fail(Errc::internal, "libcurl lacks a setting");
  const auto add = [&list](const std::string& line) {
    if (auto* longer = curl_slist_append(list.get(), line.c_str())) {
      static_cast<void>(list.release());
      list.reset(longer);
    }
  };
  add("Expect:");
  for (const auto& [name, value] : headers) add(fmt::format("{}: {}", name, value));
  if (!body.empty()) add("Content-Type: application/json");
  HttpReply reply;
  const std::string url = fmt::format("{}{}", place.url, path);
  const auto set = [h = handle.get()](CURLoption option, auto value) { curl_easy_setopt(h, option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_HTTPHEADER, list.get());
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &reply);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &reply);
  if (!body.empty()) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (const auto code = curl_easy_perform(handle.get()); code != CURLE_OK) return curl_error(code, error);
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<unsigned>(status);
  return reply;
}

}  // namespace gatecast::app
