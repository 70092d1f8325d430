#include "token/key_set.hpp"

#include <charconv>
#include <cstdlib>

#include "core/log.hpp"
#include "metrics/registry.hpp"

namespace gatecast::token {
namespace {

constexpr Duration kEvery = std::chrono::minutes{10};
constexpr Duration kEveryMin = std::chrono::minutes{1};
constexpr Duration kEveryMax = std::chrono::hours{1};
constexpr Duration kAfterFailure = std::chrono::minutes{1};
constexpr Duration kTick = std::chrono::seconds{5};
constexpr Duration kFetchTime = std::chrono::seconds{5};
constexpr std::size_t kWaitingMax = 1024;

}  // namespace

Duration key_set_life(std::string_view cache_control) {
  std::string lower(cache_control);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.find("no-store") != std::string::npos || lower.find("no-cache") != std::string::npos) return kEveryMin;
  constexpr std::string_view kMaxAge = "max-age=";
  const std::size_t at = lower.find(kMaxAge);
  // s-maxage is for shared caches; "s-max-age" is nothing at all.
  if (at == std::string::npos || (at > 0 && lower[at - 1] != ' ' && lower[at - 1] != ',')) return kEvery;
  std::uint32_t seconds = 0;
  const char* from = lower.data() + at + kMaxAge.size();
  const auto [end, error] = std::from_chars(from, lower.data() + lower.size(), seconds);
  if (error == std::errc::result_out_of_range) return kEveryMax;
  if (error != std::errc{}) return kEvery;
  return std::clamp<Duration>(std::chrono::seconds{seconds}, kEveryMin, kEveryMax);
}

KeySet::KeySet(std::string name, std::string url, outbound::Outbound& outbound, const Clock& clock)
    : name_(std::move(name)), url_(std::move(url)), outbound_(outbound), clock_(clock), fetched_(clock.steady()) {}

KeySet::~KeySet() {
  if (fetching_ || timer_ != 0) std::abort();
}

std::shared_ptr<const KeySet::Keys> KeySet::keys() const {
  std::lock_guard lock(mutex_);
  if (clock_.steady() - fetched_ >= kKeySetLife) return nullptr;
  return keys_;
}

bool KeySet::may_fetch() const {
  std::lock_guard lock(mutex_);
  return fetching_ || (!stopped_ && (!ever_begun_ || clock_.steady() - begun_ >= kFetchPauseMin));
}

std::chrono::seconds KeySet::age() const {
  std::lock_guard lock(mutex_);
  return std::chrono::floor<std::chrono::seconds>(clock_.steady() - fetched_);
}

/// Whether the caller is to fetch. `wanted`: by a token; otherwise because it is time.
bool KeySet::begin(bool wanted) {
  std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  const bool rested = !ever_begun_ || now - begun_ >= kFetchPauseMin;
  if (stopped_ || fetching_ || !rested || (!wanted && ever_begun_ && now < due_)) return false;
  ever_begun_ = fetching_ = true;
  begun_ = now;
  return true;
}

Task<void> KeySet::refreshed() {
  const bool mine = begin(true);
  co_await arrival<bool>([this, mine](Resume<bool> resume) {
    bool kept = false;
    {
      std::lock_guard lock(mutex_);
      kept = fetching_ && waiting_.size() < kWaitingMax;
      if (kept) waiting_.push_back(std::move(resume));
    }
    if (mine) spawn(fetch());
    if (!kept) resume(false);
  });
}

Task<void> KeySet::fetch() {
  outbound::Request request;
  request.url = url_;
  request.headers = {{"Accept", "application/jwk-set+json, application/json"}};
  request.time = kFetchTime;
  request.reply_bytes = kMaxKeySetBytes;
  const Result<outbound::Reply> reply = co_await outbound_.send(std::move(request));
  finish(take(reply));
}

/// Keeps the keys of a good reply; gives their life.
Result<Duration> KeySet::take(const Result<outbound::Reply>& reply) {
  if (!reply) return reply.error();
  if (reply->status != 200) return fail(Errc::outbound_failed, fmt::format("status {}", reply->status));
  auto keys = read_jwks(reply->body, SymmetricKeys::refuse);
  if (!keys) return std::move(keys.error());
  auto fresh = std::make_shared<const Keys>(*std::move(keys));
  Duration life = kEvery;
  for (const auto& [header, value] : reply->headers) {
    if (header == "cache-control") life = key_set_life(value);
  }
  std::lock_guard lock(mutex_);
  keys_ = std::move(fresh);
  fetched_ = clock_.steady();
  return life;
}

void KeySet::finish(const Result<Duration>& outcome) {
  if (outcome) {
    metrics::count<"jwks_fetches_total">(metrics::Outcome::ok);
  } else {
    metrics::count<"jwks_fetches_total">(metrics::Outcome::refused);
    log::warn("jwks_failed", {{"issuer", name_},
                              {"code", info(outcome.error().code).name},
                              {"detail", outcome.error().detail},
                              {"age", age().count()}});
  }
  std::vector<Resume<bool>> waiting;
  {
    std::lock_guard lock(mutex_);
    fetching_ = false;
    due_ = clock_.steady() + (outcome ? *outcome : kAfterFailure);
    waiting.swap(waiting_);
  }
  for (auto& resume : waiting) resume(outcome.has_value());
}

void KeySet::start(Loop& loop) {
  if (timer_ != 0) return;
  loop_ = &loop;
  tick();
}

void KeySet::tick() {
  // Asked for too early, it stays wanted until it may be.
  if (begin(wanted_.load(std::memory_order_relaxed))) {
    wanted_.store(false, std::memory_order_relaxed);
    spawn(fetch());
  }
  timer_ = loop_->after(kTick, [this] {
    timer_ = 0;
    tick();
  });
}

Task<void> KeySet::stop() {
  if (timer_ != 0) loop_->cancel(std::exchange(timer_, 0));
  while (true) {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      if (!fetching_) co_return;
    }
    co_await refreshed();
  }
}

}  // namespace gatecast::token
