// The contract of store::Store as tests: every promise of store.hpp, on every implementation.
//
// Place: one *_test.cpp of each adapter includes contract_suite.hpp and names its implementation:
//   GATECAST_STORE_CONTRACT(Sqlite, StoreKind{"sqlite", &make_sqlite_place});
// A place is where one store's data lives; what an interface of the store cannot show the place reads beside
// it. Threads: tests make their own loops and threads. No sleeps.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/manual_loop.hpp"
#include "store/sample.hpp"

namespace gatecast::store {

class StorePlace {
 public:
  virtual ~StorePlace() = default;
  /// A store on this place's data: the same data each time.
  virtual std::unique_ptr<Store> open() = 0;
  /// The store's clock; it starts at kContractStart.
  virtual ManualClock& clock() = 0;
  virtual std::vector<AuditRow> audit_rows() = 0;
};

struct StoreKind {
  const char* name;
  std::unique_ptr<StorePlace> (*make)();
};
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreContract() : place_(GetParam().make()), store_(place_->open()) {}

  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  SignedIn sign_in(const std::string& subject, const std::string& tag) {
    Result<SignedIn> done = run(store_->sign_in(make_sign_in(subject, tag)));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : SignedIn{};
  }
  Ended end(const std::string& sid, Errc reason, WallTime at = kContractStart) {
    Result<Ended> done = run(store_->end_session(sid, reason, at, "192.0.2.9"));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : Ended{};
  }
  Blocked block(const std::string& user_id, bool blocked = true) {
    Result<Blocked> done = run(store_->block_user(user_id, blocked, kContractStart, "192.0.2.9", "the operator"));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : Blocked{};
  }
  std::vector<ControlRow> control(std::uint64_t after = 0, std::uint32_t limit = 1000) {
    Result<std::vector<ControlRow>> rows = run(store_->control_log(after, limit));
    EXPECT_TRUE(rows.has_value());
    return rows ? *rows : std::vector<ControlRow>{};
  }
  std::vector<std::string> audit_kinds() {
    std::vector<std::string> kinds;
    for (const auto& row : place_->audit_rows()) kinds.push_back(row.kind);
    return kinds;
  }
  void reopen() {
    store_.reset();
    store_ = place_->open();
  }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  std::unique_ptr<StorePlace> place_;
  std::unique_ptr<Store> store_;
};

}  // namespace gatecast::store
