#include "limits/idempotency.hpp"

#include <fmt/format.h>

#include <charconv>

namespace gatecast::limits {
namespace {

// A kept value is a sign and its content: an answer behind the hash of its request, or the attempt that comes next.
constexpr char kAnswer = 'a';
constexpr char kAgain = 'n';

std::string cache_key(std::string_view place, std::string_view key) { return fmt::format("idem\n{}\n{}", place, key); }

std::uint32_t attempt_of(std::string_view digits) {
  std::uint32_t attempt = 1;
  std::from_chars(digits.data(), digits.data() + digits.size(), attempt);
  return attempt;
}

}  // namespace

Task<Result<Idempotency::Ticket>> Idempotency::begin(std::string place, std::string_view key, std::string body_hash) {
  Ticket ticket{.key = cache_key(place, key), .body_hash = std::move(body_hash)};
  // Two looks: one that comes second to count an attempt finds the answer that was put in between.
  for (int look = 0; look < 2; ++look) {
    auto kept = co_await cache_.get(ticket.key);
    if (!kept.has_value()) co_return kept.error();
    if (kept->has_value() && (*kept)->front() == kAnswer) {
      const std::string_view content = std::string_view(**kept).substr(1);
      if (!content.starts_with(ticket.body_hash)) co_return fail(Errc::idempotency_conflict);
      ticket.answer = std::string(content.substr(ticket.body_hash.size()));
      co_return ticket;
    }
    if (look == 1) break;
    if (kept->has_value()) ticket.attempt = attempt_of(std::string_view(**kept).substr(1));
    auto count = co_await cache_.hit(fmt::format("{}\n{}", ticket.key, ticket.attempt), kKept, 1);
    if (!count.has_value()) co_return count.error();
    if (count->count == 1) co_return ticket;
  }
  co_return fail(Errc::idempotency_busy);
}

Task<void> Idempotency::done(Ticket ticket, std::string answer) {
  std::string value = kAnswer + ticket.body_hash + answer;
  auto kept = co_await cache_.put(ticket.key, std::move(value), kKept);
  // One that does not fit must not block its key: the call would be refused as busy until the window ends.
  if (!kept.has_value()) co_await give_up(std::move(ticket));
}

Task<void> Idempotency::give_up(Ticket ticket) {
  auto kept = co_await cache_.put(std::move(ticket.key), fmt::format("{}{}", kAgain, ticket.attempt + 1), kKept);
  static_cast<void>(kept.has_value());
}

}  // namespace gatecast::limits
