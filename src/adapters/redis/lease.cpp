#include "adapters/redis/lease.hpp"

#include <array>

#include "core/text_form.hpp"
#include "crypto/random.hpp"

namespace gatecast::redis {

void Lease::start(Events events) {
  events_ = std::move(events);
  incarnation_ = crypto::random_id(kIncarnationLength);
  beat();
}

void Lease::stop() {
  if (timer_ != 0) calls_.loop().cancel(timer_);
  timer_ = 0;
}

void Lease::renounce() {
  if (known_) begin_anew(Anew::told);
}

void Lease::begin_anew(Anew how) {
  known_ = false;
  how_ = how;
  incarnation_ = crypto::random_id(kIncarnationLength);
  again(Duration::zero());
}

void Lease::finished(bool all) {
  if (all) {
    finished_ = true;
  } else {
    job_.clear();  // somebody takes it up when its time is over
  }
  again(Duration::zero());
}

void Lease::again(Duration delay) {
  if (timer_ != 0) calls_.loop().cancel(timer_);
  timer_ = calls_.loop().after(delay, [this] {
    timer_ = 0;
    beat();
  });
}

void Lease::beat() {
  if (beating_) return;
  beating_ = true;
  const SteadyTime now = calls_.loop().now();
  const bool may_claim = in_touch_since_ && now - *in_touch_since_ >= lease_;
  const std::string alive = calls_.names().registry("alive"), dead = calls_.names().registry("dead");
  const std::string birth = calls_.names().registry("birth"), new_birth = hex_encode(crypto::random_bytes(8));
  const std::string lease = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(lease_).count());
  const auto flag = [](bool on) { return on ? std::string_view("1") : std::string_view("0"); };
  calls_.run(heartbeat_script(), std::array<std::string_view, 3>{alive, dead, birth},
             std::array<std::string_view, 7>{incarnation_, lease, new_birth, flag(!known_), flag(may_claim), job_,
                                             flag(finished_)},
             [this, asked = incarnation_, said = finished_](Result<Value> reply) {
               beating_ = false;
               if (asked == incarnation_) return answered(std::move(reply), said);
               again(Duration::zero());
             });
}

void Lease::answered(Result<Value> reply, bool said_finished) {
  if (!reply || reply->items.size() < 3) {
    in_touch_since_.reset();
    return again(lease_ / 10);
  }
  if (!in_touch_since_) in_touch_since_ = calls_.loop().now();
  const bool emptied = birth_ != text_at(*reply, 0);
  birth_ = text_at(*reply, 0);
  const bool was_known = text_at(*reply, 1) == "1";
  if (known_ && !was_known) return begin_anew(emptied ? Anew::quiet : Anew::told);
  const bool begins = !known_;
  known_ = true;
  // A job that came to its end while this was under way is still to be said.
  if (said_finished) finished_ = false;
  dead_.clear();
  for (std::size_t i = 3; i < reply->items.size(); ++i) dead_.emplace(text_at(*reply, i));
  const bool new_job = job_ != text_at(*reply, 2);
  job_ = text_at(*reply, 2);
  again(finished_ ? Duration::zero() : lease_ / 3);
  if (begins) events_.entered(how_);
  events_.proved();
  if (new_job && !job_.empty()) events_.job(job_);
}

}  // namespace gatecast::redis
