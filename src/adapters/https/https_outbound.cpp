#include "adapters/https/https_outbound.hpp"

#include <openssl/ssl.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "adapters/https/transfer.hpp"

namespace gatecast::https {
namespace {

constexpr int kPollMs = 1000;  // a wake-up ends the wait earlier

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

/// libcurl's one-time start, which is not thread-safe by itself.
bool curl_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

Result<void> check_authorities(const std::string& file) {
  if (file.empty()) return {};
  const std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* c) { SSL_CTX_free(c); })> context(SSL_CTX_new(TLS_method()));
  if (!context || SSL_CTX_load_verify_file(context.get(), file.c_str()) != 1) {
    return fail(Errc::config_invalid, fmt::format("{}: no certificates could be read", file));
  }
  return {};
}

}  // namespace

/// The thread that drives the transfers, and the queue before it.
class HttpsOutbound::Engine {
 public:
  Engine(Options options, CURLM* multi) : options_(std::move(options)), multi_(multi), thread_([this] { run(); }) {}
  ~Engine() {
    stop();
    curl_multi_cleanup(multi_);
  }

  void push(std::unique_ptr<Transfer> transfer) {
    {
      std::lock_guard lock(mutex_);
      if (!stopping_ && waiting_.size() < options_.waiting_max) {
        waiting_.push_back(std::move(transfer));
      }
    }
    if (transfer) {
      const bool full = !stopping_;
      return transfer->refuse(fail(full ? Errc::overloaded : Errc::cancelled, "outbound requests"));
    }
    curl_multi_wakeup(multi_);
  }

  void stop() {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    std::lock_guard lock(joining_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    while (!stopping_) {
      begin_waiting();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_done();
      // What ended made room for what waits.
      if (has_waiting() && running_.size() < options_.running_max) continue;
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    refuse_all();
  }

  bool has_waiting() {
    std::lock_guard lock(mutex_);
    return !waiting_.empty();
  }

  std::unique_ptr<Transfer> next() {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return nullptr;
    auto first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }

  void begin_waiting() {
    while (running_.size() < options_.running_max) {
      auto transfer = next();
      if (!transfer) return;
      auto handle = transfer->begin(options_.ca_file, steady_now());
      if (!handle) {
        transfer->refuse(handle.error());
        continue;
      }
      if (curl_multi_add_handle(multi_, *handle) != CURLM_OK) {
        transfer->refuse(fail(Errc::outbound_failed, "the transfer could not begin"));
        continue;
      }
      running_.emplace(*handle, std::move(transfer));
    }
  }

  void finish_done() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode outcome = message->data.result;
      auto node = running_.extract(message->easy_handle);
      curl_multi_remove_handle(multi_, node.key());
      node.mapped()->finish(outcome);
    }
  }

  void refuse_all() {
    const Error error = fail(Errc::cancelled, "outbound requests");
    for (auto& [handle, transfer] : running_) {
      curl_multi_remove_handle(multi_, handle);
      transfer->refuse(error);
    }
    running_.clear();
    while (auto transfer = next()) transfer->refuse(error);
  }

  const Options options_;
  CURLM* const multi_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> waiting_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> running_;  // the thread's own
  std::atomic<bool> stopping_{false};
  std::mutex joining_;
  std::thread thread_;
};

HttpsOutbound::HttpsOutbound(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
HttpsOutbound::~HttpsOutbound() = default;

Result<std::unique_ptr<HttpsOutbound>> HttpsOutbound::make(Options options) {
  if (auto good = check_authorities(options.ca_file); !good) return std::move(good.error());
  CURLM* multi = curl_ready() ? curl_multi_init() : nullptr;
  if (multi == nullptr) return fail(Errc::internal, "libcurl did not start");
  return std::unique_ptr<HttpsOutbound>(new HttpsOutbound(std::make_unique<Engine>(std::move(options), multi)));
}

Task<Result<outbound::Reply>> HttpsOutbound::send(outbound::Request request) {
  if (auto good = outbound::check_url(request.url, request.allow_plain); !good) {
    co_return fail(Errc::outbound_failed, good.error().detail);
  }
  const SteadyTime deadline = steady_now() + request.time;
  Result<outbound::Reply> reply =
      co_await arrival<Result<outbound::Reply>>([this, &request, deadline](Transfer::Answer answer) {
        engine_->push(std::make_unique<Transfer>(std::move(request), std::move(answer), deadline));
      });
  co_return reply;
}

void HttpsOutbound::stop() { engine_->stop(); }

}  // namespace gatecast::https
