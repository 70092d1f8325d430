#include "bench/reader.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

constexpr char kWait = 'w';
constexpr char kLatency = 'l';

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

void Reader::run(const LoadOptions& options, int control) {
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  Load load(options);
  load.open();
  const auto answer = [&](Latency latency) {
    const Answer out{load.received(), latency};
    if (write(control, &out, sizeof out) != ssize_t{sizeof out}) _exit(0);
  };
  answer({});
  std::optional<std::uint64_t> target;
  for (;;) {
    const bool asked = load.poll(-1, control);
    if (asked) {
      Request request{};
      if (read(control, &request, sizeof request) != ssize_t{sizeof request}) _exit(0);
      if (request.kind == kLatency) {
        answer(summarise(load.latencies_ns()));
      } else {
        target = request.target;
      }
    }
    if (target && load.received() >= *target) {
      target.reset();
      answer({});
    }
  }
}

Reader::Answer Reader::ask(Request request, int seconds) {
  if (request.kind != 0) {
    require(write(control_, &request, sizeof request) == ssize_t{sizeof request}, "ask a reader");
  }
  pollfd readable{.fd = control_, .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, seconds * 1000) != 1)
    die(fmt::format("the readers wait for frame {} in vain", request.target));
  Answer answer{};
  if (read(control_, &answer, sizeof answer) != ssize_t{sizeof answer}) std::exit(2);  // it has said why
  return answer;
}

void Reader::wait_open() { seen_ = ask({0, 0}, 130).received; }

void Reader::wait_for(std::uint64_t more, int seconds) {
  seen_ += more;
  const std::uint64_t received = ask({kWait, seen_}, seconds).received;
  if (received != seen_) die(fmt::format("{} frames came where {} were sent", received, seen_));
}

Latency Reader::latency() { return ask({kLatency, 0}, 60).latency; }

}  // namespace gatecast::bench
