// Kills a process that signs in, renews and ends sessions, and makes grants, at each failpoint of the SQLite store, and
// looks at what is left.
//
//   gatecast_store_crash                  the test: runs itself as a child once for each failpoint and pass
//   gatecast_store_crash child DATABASE   signs in, grants, renews, ends every third session, a line for each answer
//
// After each death: the file is whole, every answered sign-in, grant, renewal and ending is there, a session is at most
// one generation ahead of what was answered, and nothing is there by halves. GATECAST_CRASH_PASSES: how often each
// place. Exit: 0 good, 1 not, 77 (skipped) where the tree has no failpoints.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/sqlite_store.hpp"
#include "core/manual_loop.hpp"
#include "store/sample.hpp"

namespace gatecast {
namespace {

constexpr int kLanes = 6;    // sign-ins at once, so that groups have several operations
constexpr int kRounds = 60;  // of each lane; far more than the failpoint lets pass

/// One write, so that a line is in the pipe whole or not at all.
void report(std::string_view what, const std::string& sid) {
  const std::string line = fmt::format("{} {}\n", what, sid);
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
}

/// One to generation `next` whatever the row says.
store::Renewal renewal_of(const std::string& sid, const std::string& tag, std::uint64_t next) {
  store::Renewal request;
  request.sid = sid;
  request.secret_hash = store::make_sign_in("", tag).secret_hash;
  request.decide = [next](const store::RotationRow& row, WallTime) {
    return store::RotationDecision{.kind = store::RotationDecision::Kind::rotate,
                                   .gen = next,
                                   .kept_gen = next - 1,
                                   .expires_at = row.expires_at + std::chrono::hours(1)};
  };
  return request;
}

Task<bool> lane(store::Store& store, int number) {
  for (int i = 0; i < kRounds; ++i) {
    const std::string tag = fmt::format("{}-{}", number, i);
    auto done = co_await store.sign_in(store::make_sign_in(fmt::format("wallet-{}", i % 7), tag));
    if (!done) co_return false;
    report("signed_in", done->session.sid);
    store::GrantAdd grant{.id = "grant " + tag, .user_id = done->user.id, .resource = "post"};
    grant.key = tag;
    grant.most = kLanes * kRounds;
    auto granted = co_await store.add_grant(std::move(grant));
    if (!granted) co_return false;
    report("granted", fmt::format("{}/{}", done->user.id, tag));
    for (std::uint64_t next = 2; next <= 3; ++next) {
      auto renewed = co_await store.renew(renewal_of(done->session.sid, tag, next));
      if (!renewed) co_return false;
      report(fmt::format("renewed_{}", next), done->session.sid);
    }
    if (i % 3 != 0) continue;
    auto ended = co_await store.end_session(done->session.sid, Errc::signed_out, store::kContractStart, "");
    if (!ended) co_return false;
    report("ended", done->session.sid);
  }
  co_return true;
}

int child(const char* database) {
  ManualClock clock;
  ManualLoop loop(clock);
  auto store = sqlite::SqliteStore::open(database);
  if (!store) {
    fmt::print(stderr, "child: {}\n", store.error().detail);
    return 1;
  }
  std::vector<Task<bool>> lanes;
  for (int i = 0; i < kLanes; ++i) lanes.push_back(lane(**store, i));
  for (bool good : loop.run(store::gather(std::move(lanes)))) {
    if (!good) return 1;
  }
  return 0;
}

struct Life {
  std::set<std::string> signed_in;
  std::set<std::string> ended;
  std::set<std::string> granted;                     // user and key
  std::map<std::string, std::uint64_t> generations;  // the newest answered
  bool killed = false;
  int status = 0;
};

/// Runs the child until it dies of `failpoint`'s n-th pass; gives what it had been answered.
Life live(const std::string& database, const std::string& failpoint) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    setenv("GATECAST_FAILPOINT_KILL", failpoint.c_str(), 1);
    execl("/proc/self/exe", "gatecast_store_crash", "child", database.c_str(), nullptr);
    _exit(2);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  Life life;
  if (waitpid(pid, &life.status, 0) != pid) std::abort();
  life.killed = WIFSIGNALED(life.status) && WTERMSIG(life.status) == SIGKILL;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const std::size_t space = line.find(' ');
    if (line.starts_with("renewed_")) {
      life.generations[line.substr(space + 1)] = static_cast<std::uint64_t>(line[8] - '0');
    } else {
      auto& answered = line.starts_with("ended")     ? life.ended
                       : line.starts_with("granted") ? life.granted
                                                     : life.signed_in;
      answered.insert(line.substr(space + 1));
    }
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return life;
}

std::string value(sqlite::Database& db, std::string_view sql) {
  sqlite::Query query = db.select(sql);
  auto row = query.next();
  if (!row) return row.error().detail;
  return *row ? query.text(0) : "no row";
}

/// What is wrong with the file after that life, as lines; empty: nothing.
std::string faults_after(const std::string& database, const Life& life) {
  std::string faults;
  ManualClock clock;
  ManualLoop loop(clock);
  auto store = sqlite::SqliteStore::open(database);
  if (!store) return fmt::format("does not open: {}\n", store.error().detail);
  for (const auto& sid : life.signed_in) {
    if (!loop.run((*store)->session(sid))) faults += fmt::format("lost session {}\n", sid);
  }
  for (const auto& sid : life.ended) {
    auto view = loop.run((*store)->session(sid));
    if (!view || view->session.end_reason != Errc::signed_out) faults += fmt::format("lost ending of {}\n", sid);
  }
  for (const auto& sid : life.signed_in) {
    const auto answered = life.generations.contains(sid) ? life.generations.at(sid) : 1;
    auto view = loop.run((*store)->session(sid));
    if (view && (view->session.gen < answered || view->session.gen > answered + 1)) {
      faults += fmt::format("generation {} of {}, answered {}\n", view->session.gen, sid, answered);
    }
  }
  for (const auto& user_and_key : life.granted) {
    const auto slash = user_and_key.find('/');
    auto all = loop.run((*store)->grants_of({user_and_key.substr(0, slash)}));
    const bool there = all && std::ranges::any_of(all->front().grants, [&](const store::GrantRow& grant) {
                         return grant.key == user_and_key.substr(slash + 1);
                       });
    if (!there) faults += fmt::format("lost grant {}\n", user_and_key);
  }
  auto after = loop.run((*store)->sign_in(store::make_sign_in("after", "after")));
  if (!after) faults += fmt::format("no sign-in afterwards: {}\n", after.error().detail);

  auto db = sqlite::Database::open(database, {});
  if (!db) return faults + db.error().detail;
  constexpr std::pair<const char*, const char*> kExpected[] = {
      {"PRAGMA integrity_check", "ok"},
      {"SELECT count(*) FROM pragma_foreign_key_check", "0"},
      {"SELECT (SELECT count(*) FROM sessions) - (SELECT count(*) FROM used_nonces)", "0"},
      {"SELECT (SELECT count(*) FROM sessions) - (SELECT count(*) FROM audit WHERE kind = 'signin')", "0"},
      {"SELECT (SELECT count(*) FROM users) - (SELECT count(*) FROM identities)", "0"},
      {"SELECT count(*) FROM grant_holders h WHERE version <> (SELECT count(*) FROM grants g WHERE g.user_id = "
       "h.user_id)",
       "0"},
      {"SELECT (SELECT count(*) FROM grants) - (SELECT count(*) FROM audit WHERE kind = 'grant_added')", "0"},
      {"SELECT count(*) FROM sessions s WHERE (ended_at IS NOT NULL) <>"
       " (SELECT count(*) FROM control_log c WHERE c.subject = s.sid)",
       "0"},
      {"SELECT (SELECT count(*) FROM control_log) - (SELECT count(*) FROM audit WHERE kind = 'signout')", "0"},
  };
  for (const auto& [sql, expected] : kExpected) {
    if (const std::string got = value(*db, sql); got != expected) faults += fmt::format("{}: {}\n", sql, got);
  }
  return faults;
}

/// Of each place; without the variable eight, which is a second.
std::vector<int> passes() {
  const char* wanted = std::getenv("GATECAST_CRASH_PASSES");
  if (wanted == nullptr) return {1, 2, 3, 4, 5, 7, 10, 20};
  std::vector<int> all;
  for (int nth = 1; nth <= std::atoi(wanted); ++nth) all.push_back(nth);
  return all;
}

int test() {
  namespace fs = std::filesystem;
  std::string pattern = (fs::temp_directory_path() / "gatecast-crash-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return 1;
  int bad = 0;
  std::size_t answered = 0;
  for (const char* name : {"store.before_commit", "store.committed", "store.before_answer"}) {
    for (int nth : passes()) {
      const std::string failpoint = fmt::format("{}:{}", name, nth);
      const std::string folder = fmt::format("{}/{}", pattern, failpoint);
      const std::string database = folder + "/gatecast.db";
      const Life life = live(database, failpoint);
      if (!life.killed && WIFEXITED(life.status) && WEXITSTATUS(life.status) == 0) {
        fmt::print("skipped: this tree is built without failpoints\n");
        fs::remove_all(pattern);
        return 77;
      }
      std::string faults = life.killed ? faults_after(database, life) : fmt::format("died of status {}\n", life.status);
      answered += life.signed_in.size();
      bad += faults.empty() ? 0 : 1;
      fmt::print("{:<24} {:>3} signed in, {:>2} ended: {}\n", failpoint, life.signed_in.size(), life.ended.size(),
                 faults.empty() ? "good" : faults);
    }
  }
  fs::remove_all(pattern);
  if (answered == 0) fmt::print("no life got an answer: the test shows nothing\n");
  return bad == 0 && answered > 0 ? 0 : 1;
}

}  // namespace
}  // namespace gatecast

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "child") return gatecast::child(argv[2]);
  return gatecast::test();
}
