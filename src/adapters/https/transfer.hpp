// One request as a libcurl transfer: its settings, what has arrived, and its outcome.
//
// Place: inside HttpsOutbound. Owner: its engine; after `begin` only the engine's thread touches it.
// Errors: outbound_failed; the detail names the host and libcurl's reason, never headers, query or bodies.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "core/task.hpp"
#include "outbound/outbound.hpp"

namespace gatecast::https {

class Transfer {
 public:
  using Answer = Resume<Result<outbound::Reply>>;

  Transfer(outbound::Request request, Answer answer, SteadyTime deadline)
      : request_(std::move(request)), answer_(std::move(answer)), deadline_(deadline) {}

  /// Makes the handle. `ca_file` as in the options. Error: outbound_failed where the time is over already.
  Result<CURL*> begin(const std::string& ca_file, SteadyTime now);
  CURL* handle() const { return handle_.get(); }

  /// Answers with what arrived, or with why it did not.
  void finish(CURLcode outcome);
  void refuse(const Error& error) { answer_(Result<outbound::Reply>(error)); }

 private:
  struct Free {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  bool take_header(std::string_view line);
  Error failure(std::string_view why) const;
  Result<void> add_headers();

  outbound::Request request_;
  Answer answer_;
  SteadyTime deadline_;
  std::unique_ptr<CURL, Free> handle_;
  std::unique_ptr<curl_slist, Free> headers_;
  outbound::Reply reply_;
  std::size_t header_bytes_ = 0;
  bool too_long_ = false;
  std::string ca_file_{};
};

}  // namespace gatecast::https
