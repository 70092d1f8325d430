#include "server/figures.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "metrics/process.hpp"
#include "metrics/registry.hpp"
#include "server/services.hpp"

namespace gatecast::server {
namespace {

std::uint64_t whole(std::string_view metric) { return static_cast<std::uint64_t>(metrics::total(metric)); }
std::int64_t level(std::string_view metric) { return static_cast<std::int64_t>(metrics::total(metric)); }

std::uint64_t succeeded(std::string_view metric) {
  for (const auto& sample : metrics::samples(metric)) {
    if (sample.first == "ok") return static_cast<std::uint64_t>(sample.value);
  }
  return 0;
}

}  // namespace

Counts Counts::since(const Counts& earlier) const {
  return {
      messages_in - earlier.messages_in,     messages_out - earlier.messages_out, publications - earlier.publications,
      connects - earlier.connects,           disconnects - earlier.disconnects,   signins - earlier.signins,
      auth_failures - earlier.auth_failures, refusals - earlier.refusals,         errors - earlier.errors};
}

Counts counted_now() {
  return {.messages_in = whole("messages_in_total"),
          .messages_out = whole("messages_out_total") + whole("deliveries_total"),
          .publications = whole("publications_total"),
          .connects = succeeded("connects_total"),
          .disconnects = whole("disconnects_total"),
          .signins = succeeded("signins_total"),
          .auth_failures = whole("auth_failures_total"),
          .refusals = whole("refusals_total"),
          .errors = whole("store_failures_total") + log::counts().errors};
}

void Figures::start(Loop& loop) {
  {
    std::lock_guard lock(mutex_);
    summarized_ = {loop.now(), counted_now()};
    looks_.push_back(summarized_);
  }
  again(loop);
}

void Figures::again(Loop& loop) {
  const Duration summary = services_.settings.get().log_summary;
  const Duration next = summary > Duration::zero() ? std::min(kLook, summary) : kLook;
  loop.after(next, [this, &loop] {
    look(loop);
    again(loop);
  });
}

void Figures::look(Loop& loop) {
  const SteadyTime now = loop.now();
  const Counts counts = counted_now();
  {
    std::lock_guard lock(mutex_);
    // The summary may want to look more often than these are kept.
    if (now - looks_.back().at >= kLook) looks_.push_back({now, counts});
    if (looks_.size() > kLooks) looks_.pop_front();
  }
  const Duration summary = services_.settings.get().log_summary;
  if (summary > Duration::zero() && now - summarized_.at >= summary) summarize(now, counts);
}

void Figures::summarize(SteadyTime now, const Counts& counts) {
  const Counts of = counts.since(summarized_.counts);
  const double seconds = std::chrono::duration<double>(now - summarized_.at).count();
  const auto a_minute = [seconds](std::uint64_t n) {
    return static_cast<std::uint64_t>(static_cast<double>(n) * 60 / seconds + 0.5);
  };
  log::info("summary", {{"seconds", static_cast<std::uint64_t>(seconds + 0.5)},
                        {"clients", level("clients_connected")},
                        {"subscriptions", level("subscriptions_open")},
                        {"messages_a_minute", a_minute(of.messages_in)},
                        {"sent_a_minute", a_minute(of.messages_out)},
                        {"connects", of.connects},
                        {"disconnects", of.disconnects},
                        {"signins", of.signins},
                        {"auth_failures", of.auth_failures},
                        {"refusals", of.refusals},
                        {"errors", of.errors},
                        {"memory_mb", metrics::process_facts().resident_bytes >> 20}});
  summarized_ = {now, counts};
}

Figures::Lately Figures::lately(SteadyTime now) const {
  std::lock_guard lock(mutex_);
  if (looks_.empty()) return {};
  const Duration over = std::max<Duration>(now - looks_.front().at, kMinute);
  return {counted_now().since(looks_.front().counts), std::chrono::duration<double>(over).count() / 60};
}

}  // namespace gatecast::server
