// The capability "runs on this shard", for clang's thread-safety analysis and a run-time check in one.
//
// What belongs to a shard is declared GUARDED_BY(shard); every callback opens with `shard.assert_here()`.
#pragma once

#include <cstdlib>
#include <thread>

#define GATECAST_CAPABILITY(x) __attribute__((capability(x)))
#define GUARDED_BY(x) __attribute__((guarded_by(x)))
#define REQUIRES(x) __attribute__((requires_capability(x)))
#define ASSERT_CAPABILITY __attribute__((assert_capability(this)))

namespace gatecast {

class GATECAST_CAPABILITY("shard") ShardCheck {
 public:
  /// The calling thread becomes the owner.
  void bind() { owner_ = std::this_thread::get_id(); }
  void assert_here() const ASSERT_CAPABILITY {
    if (owner_ != std::this_thread::get_id()) std::abort();
  }

 private:
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace gatecast
