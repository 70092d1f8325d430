// Calls that take effect once: who repeats one under the same key gets the first answer again.
//
// Place: between server and cache. A key belongs to a caller and a method; its first call is run, and its answer kept
// for kKept. Threads: any loop's; the task resumes there. Lifetime: outlives the tasks it gave out.
// Bounds: those of its cache, counted in answers and bytes; a full one forgets the answers that would end first, and a
// call repeated after that runs again. An answer over the bound of one value is not kept.
// Errors: idempotency_conflict (another body under the key), idempotency_busy (the first call still runs).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/memory.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::limits {

class Idempotency {
 public:
  static constexpr std::chrono::minutes kKept{10};

  explicit Idempotency(cache::Cache& cache) : cache_(cache) {}

  /// What a call is to do: `answer` again, or run and then `done` or `give_up` with this ticket.
  struct Ticket {
    std::optional<std::string> answer{};
    std::string key{};
    std::string body_hash{};
    std::uint32_t attempt = 1;
  };
  /// `place` names caller and method; `body_hash` the request.
  Task<Result<Ticket>> begin(std::string place, std::string_view key, std::string body_hash);
  /// Keeps the answer for whoever repeats the call.
  Task<void> done(Ticket ticket, std::string answer);
  /// The call had no effect and may be tried again.
  Task<void> give_up(Ticket ticket);

 private:
  cache::Cache& cache_;
};

}  // namespace gatecast::limits
