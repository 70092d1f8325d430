#include "bench/reader.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

Latency summarise(std::vector<std::int64_t>& samples) {
  Latency out;
  out.samples = samples.size();
  if (samples.empty()) return out;
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    return static_cast<double>(samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1))]) /
           1e6;
  };
  out.p50_ms = at(0.5);
  out.p99_ms = at(0.99);
  out.max_ms = at(1);
  samples.clear();
  return out;
}

}  // namespace

Reader::Reader(LoadOptions options) {
  int pair[2];
  require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
  pid_ = fork();
  require(pid_ >= 0, "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(pair[0]);
    run(options, pair[1]);
  }
  close(pair[1]);
  control_ = pair[0];
}

Reader::~Reader() {
  close(control_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

/// Whether what was asked for, or waited for, is so.
bool Reader::fulfilled(const Request& request, const Load& load) {
  switch (request.kind) {
    case Kind::frames: return load.received() >= request.value;
    case Kind::echo: return !load.echoing();
    case Kind::closed: return load.alive() == 0;
    case Kind::standing: return load.places()->standing_at(request.value) == load.alive();
    default: return true;
  }
}

void Reader::run(const LoadOptions& options, int control) {
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  Load load(options);
  load.open();
  Request request{Kind::open, 0};
  for (;;) {
    if (request.kind != Kind::none && fulfilled(request, load)) {
      const Latency latency = request.kind == Kind::latency ? summarise(load.latencies_ns()) : Latency{};
      const Returned returned = load.places() != nullptr ? load.places()->returned() : Returned{};
      const Answer answer{load.received(), latency, returned, now_ns()};
      if (write(control, &answer, sizeof answer) != ssize_t{sizeof answer}) _exit(0);
      request.kind = Kind::none;
    }
    if (!load.poll(-1, control)) continue;
    if (read(control, &request, sizeof request) != ssize_t{sizeof request}) _exit(0);
    if (request.kind == Kind::echo) load.echo(request.value);
    if (request.kind == Kind::abort) load.abort_all();
    if (request.kind == Kind::open) load.open();
  }
}

void Reader::begin(Request request) {
  require(write(control_, &request, sizeof request) == ssize_t{sizeof request}, "ask a reader");
}

Reader::Answer Reader::end(const char* what, int seconds) {
  pollfd readable{.fd = control_, .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, seconds * 1000) != 1) die(fmt::format("the readers wait in vain: {}", what));
  Answer answer{};
  if (read(control_, &answer, sizeof answer) != ssize_t{sizeof answer}) std::exit(2);  // it has said why
  return answer;
}

Reader::Answer Reader::ask(Request request, const char* what, int seconds) {
  begin(request);
  return end(what, seconds);
}

void Reader::wait_open() { seen_ = end("connections", 130).received; }

void Reader::wait_for(std::uint64_t more, int seconds) {
  seen_ += more;
  const std::uint64_t received = ask({Kind::frames, seen_}, "frames", seconds).received;
  if (received != seen_) die(fmt::format("{} frames came where {} were sent", received, seen_));
}

Latency Reader::latency() { return ask({Kind::latency, 0}, "latencies").latency; }
void Reader::echo(std::size_t times) { ask({Kind::echo, times}, "echoes"); }
void Reader::abort_all() { ask({Kind::abort, 0}, "resets"); }
void Reader::begin_open() { begin({Kind::open, 0}); }
std::int64_t Reader::end_open() { return end("connections", 130).at_ns; }
void Reader::wait_closed() { ask({Kind::closed, 0}, "the ends of all connections"); }
Returned Reader::returned() { return ask({Kind::returned, 0}, "what came back").returned; }
void Reader::wait_standing_at(std::uint64_t offset) {
  ask({Kind::standing, offset}, "everybody at the newest publication");
}

}  // namespace gatecast::bench
