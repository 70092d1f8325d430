#include "adapters/redis/redis_cache.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookEvery = 250ms;

// KEYS: counter. ARGV: window in ms, limit. A counter given back to nothing keeps its window.
const Script kHit(R"(
local limit = tonumber(ARGV[2])
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count <= limit then count = redis.call('INCR', KEYS[1]) end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
if count <= limit then return {count, 0} end
return {limit + 1, left}
)");

const Script kGiveBack(R"(
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count > 0 then redis.call('DECR', KEYS[1]) end
return 0
)");

/// Answers once; dropped unanswered it says why nobody will.
template <class T>
class Once {
 public:
  explicit Once(Resume<Result<T>> to) : to_(std::move(to)) {}
  Once(Once&& o) noexcept : to_(std::exchange(o.to_, std::nullopt)) {}
  Once& operator=(Once&&) = delete;
  ~Once() {
    if (to_) (*to_)(fail(Errc::temporarily_unavailable, "the cache is stopped, or has too much to do"));
  }
  void operator()(Result<T> value) { std::exchange(to_, std::nullopt).value()(std::move(value)); }

 private:
  std::optional<Resume<Result<T>>> to_;
};

Error refused(const Value& value) { return fail(Errc::temporarily_unavailable, value.text); }

/// Whole milliseconds, one at the least.
std::string ms_of(Duration d) {
  return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(d).count()));
}

Result<cache::Count> count_of(const Result<Value>& value) {
  if (!value) return value.error();
  if (value->items.size() != 2) return refused(*value);
  return cache::Count{.count = static_cast<std::uint32_t>(value->items[0].number),
                      .retry_after = std::chrono::milliseconds(value->items[1].number)};
}

Result<void> done_of(const Result<Value>& value) {
  if (!value) return value.error();
  if (value->is_error()) return refused(*value);
  return {};
}

}  // namespace

Result<std::unique_ptr<RedisCache>> RedisCache::make(net::EpollLoop& loop, Client::Options options) {
  options.role = metrics::RedisRole::cache;
  options.topics = false;
  std::string prefix = options.prefix;
  auto client = Client::make(loop, std::move(options));
  if (!client) return client.error();
  return std::unique_ptr<RedisCache>(new RedisCache(loop, std::move(*client), std::move(prefix)));
}

RedisCache::RedisCache(net::EpollLoop& loop, std::unique_ptr<Client> client, std::string prefix)
    : loop_(loop), client_(std::move(client)), prefix_(std::move(prefix)) {}

RedisCache::~RedisCache() { stop(); }

void RedisCache::start() {
  client_->start();
  {
    std::lock_guard lock(mutex_);
    running_ = true;
  }
  look();
}

void RedisCache::stop() {
  std::vector<Call> calls;
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(running_, false)) return;
    calls.swap(calls_);
    life_.reset();
  }
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  client_->stop();
  in_touch_ = false;
}

void RedisCache::look() {
  in_touch_ = client_->in_touch();
  {
    std::lock_guard lock(mutex_);
    trouble_ = client_->trouble();
    refusal_ = client_->refusal();
  }
  timer_ = loop_.after(kLookEvery, [this] {
    timer_ = 0;
    look();
  });
}

std::string RedisCache::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}
std::string RedisCache::refusal() const {
  std::lock_guard lock(mutex_);
  return refusal_;
}

std::string RedisCache::key_of(char kind, std::string_view key) const {
  return fmt::format("{}1:k:{}:{}", prefix_, kind, key);
}

void RedisCache::give(Call call) {
  std::weak_ptr<int> life;
  {
    std::lock_guard lock(mutex_);
    if (!running_ || calls_.size() >= kCallsMax) return;
    calls_.push_back(std::move(call));
    if (calls_.size() > 1) return;
    life = life_;
  }
  loop_.post([this, alive = std::move(life)] {
    if (!alive.expired()) run_calls();
  });
}

void RedisCache::run_calls() {
  std::vector<Call> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (Call& call : calls) call(*client_);
}

Task<Result<cache::Count>> RedisCache::hit(std::string key, Duration window, std::uint32_t limit) {
  auto count = co_await arrival<Result<cache::Count>>([&](Resume<Result<cache::Count>> resume) {
    give([key = key_of('c', key), window, limit, once = Once(std::move(resume))](Client& client) mutable {
      const std::string ms = ms_of(window);
      const std::string most = std::to_string(limit);
      const std::string_view keys[] = {key};
      const std::string_view args[] = {ms, most};
      client.run(kHit, keys, args, [once = std::move(once)](Result<Value> value) mutable { once(count_of(value)); });
    });
  });
  co_return count;
}

Task<Result<void>> RedisCache::give_back(std::string key) {
  auto done = co_await arrival<Result<void>>([&](Resume<Result<void>> resume) {
    give([key = key_of('c', key), once = Once(std::move(resume))](Client& client) mutable {
      const std::string_view keys[] = {key};
      client.run(kGiveBack, keys, {}, [once = std::move(once)](Result<Value> value) mutable { once(done_of(value)); });
    });
  });
  co_return done;
}

Task<Result<std::optional<std::string>>> RedisCache::get(std::string key) {
  using Found = std::optional<std::string>;
  auto found = co_await arrival<Result<Found>>([&](Resume<Result<Found>> resume) {
    give([key = key_of('v', key), once = Once(std::move(resume))](Client& client) mutable {
      const std::string_view texts[] = {"GET", key};
      client.command(key, texts, [once = std::move(once)](Result<Value> value) mutable {
        if (!value) return once(value.error());
        if (value->is_error()) return once(refused(*value));
        once(value->is_null() ? Found() : Found(std::move(value->text)));
      });
    });
  });
  co_return found;
}

Task<Result<void>> RedisCache::put(std::string key, std::string value, Duration ttl) {
  if (value.size() > kValueBytesMax) co_return fail(Errc::overloaded, "a value over 1 MB");
  auto done = co_await arrival<Result<void>>([&](Resume<Result<void>> resume) {
    give([key = key_of('v', key), value = std::move(value), ttl,
          once = Once(std::move(resume))](Client& client) mutable {
      const std::string ms = ms_of(ttl);
      const std::string_view set[] = {"PSETEX", key, ms, value};
      const std::string_view remove[] = {"DEL", key};
      const Texts texts = ttl > Duration::zero() ? Texts(set) : Texts(remove);
      client.command(key, texts, [once = std::move(once)](Result<Value> answer) mutable { once(done_of(answer)); });
    });
  });
  co_return done;
}

}  // namespace gatecast::redis
