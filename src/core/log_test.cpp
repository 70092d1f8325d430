#include "core/log.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/clock.hpp"
#include "core/log_bursts.hpp"
#include "core/log_render.hpp"
#include "core/log_sinks.hpp"
#include "core/log_tail.hpp"

namespace gatecast::log {
namespace {

constexpr std::int64_t kTime = 1'769'854'862'007;  // 2026-01-31T10:21:02.007Z

std::string json_of(std::string_view value) { return render_json(kTime, Level::info, "e", {{"v", value}}); }
std::string value_of(std::string_view value) {
  std::string line = json_of(value);
  return line.substr(line.find("\"v\":") + 4, line.size() - line.find("\"v\":") - 5);
}

class Folder {
 public:
  Folder() {
    std::string text = (std::filesystem::temp_directory_path() / "gatecast-log-XXXXXX").string();
    path_ = mkdtemp(text.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& e : std::filesystem::directory_iterator(path_)) names.push_back(e.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

std::string today() { return utc_date(unix_ms(SystemClock{}.wall())); }

TEST(LogRender, JsonLine) {
  EXPECT_EQ(render_json(kTime, Level::warn, "auth_failure",
                        {{"reason", "token_expired"},
                         {"ip", std::string("10.0.0.1")},
                         {"tries", 3},
                         {"left", -1},
                         {"big", std::uint64_t{18446744073709551615u}},
                         {"seconds", 0.25},
                         {"new", true}}),
            R"({"time":"2026-01-31T10:21:02.007Z","level":"warn","event":"auth_failure","reason":"token_expired",)"
            R"("ip":"10.0.0.1","tries":3,"left":-1,"big":18446744073709551615,"seconds":0.25,"new":true})");
}

TEST(LogRender, TextLine) {
  EXPECT_EQ(render_text(kTime, 3600, Level::info, "connect", {{"user", "ada"}, {"agent", "a b"}, {"n", 2u}}),
            R"(11:21:02 info  connect  user=ada agent="a b" n=2)");
  EXPECT_EQ(render_text(kTime, 0, Level::error, "start", {}), "10:21:02 error start");
  EXPECT_EQ(render_text(kTime, 0, Level::info, "e", {{"v", "a=b"}, {"w", ""}}), R"(10:21:02 info  e  v="a=b" w="")");
}

TEST(LogRender, HostileValues) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"(a"b\c)", R"("a\"b\\c")"},
      {"a\nb\r\t", R"("a\nb\r\t")"},
      {std::string_view("\0\x1b[31m\x7f", 7), R"("\u0000\u001b[31m\u007f")"},
      {"\xC2\x9B"
       "31m",
       R"("\u009b31m")"},  // CSI as one character
      {"\xE2\x82\xAC", "\"€\""},
      {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                  // overlong
      {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},  // surrogate
      {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"a\xE2\x82", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},  // cut in a character
      {"\",\"level\":\"error", R"("\",\"level\":\"error")"},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(value_of(in), out);
  EXPECT_EQ(render_text(kTime, 0, Level::info, "e\n", {{"v\n", "x\ny"}}), R"(10:21:02 info  e\n  v\n="x\ny")");
  EXPECT_NE(render_json(kTime, Level::info, "e", {{"v", std::nan("")}}).find(R"("v":null)"), std::string::npos);
}

TEST(LogRender, LongValuesAreCutBetweenCharacters) {
  EXPECT_EQ(value_of(std::string(256, 'x')), "\"" + std::string(256, 'x') + "\"");
  EXPECT_EQ(value_of(std::string(257, 'x')), "\"" + std::string(256, 'x') + "…\"");
  EXPECT_EQ(value_of(std::string(255, 'x') + "€"), "\"" + std::string(255, 'x') + "…\"");
}

TEST(LogRender, EveryByteStringIsOneValidLine) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    for (std::string_view part : {std::string_view(all).substr(0, cut), std::string_view(all).substr(cut)}) {
      for (char c : json_of(part)) ASSERT_TRUE((c < 0 || c >= 0x20) && c != 0x7F);
    }
  }
}

TEST(LogFile, LinesInOrderModeAndRetention) {
  Folder folder;
  std::ofstream(folder.path() + "/ws-2020-01-01.log") << "old\n";
  std::ofstream(folder.path() + "/ws-notes-0001.log") << "not ours\n";
  std::ofstream(folder.path() + "/ws-2020-01-01.txt") << "not ours\n";
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .retention_days = 3, .terminal = false}, problem)) << problem;
  debug("hidden");
  for (int i = 0; i < 1000; ++i) info("line", {{"n", i}});
  close_log();
  EXPECT_EQ(folder.files(),
            (std::vector<std::string>{"ws-2020-01-01.txt", "ws-" + today() + ".log", "ws-notes-0001.log"}));
  std::istringstream lines(folder.read("ws-" + today() + ".log"));
  std::string line;
  int n = 0;
  for (; std::getline(lines, line); ++n) {
    EXPECT_TRUE(line.ends_with(fmt::format(R"("event":"line","n":{}}})", n))) << line;
  }
  EXPECT_EQ(n, 1000);
  struct stat st{};
  ASSERT_EQ(stat((folder.path() + "/ws-" + today() + ".log").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777u, 0600u);
}

TEST(LogFile, ANewDayIsANewFileAndTheOldestGoes) {
  Folder folder;
  DailyFile file(folder.path(), 2);
  for (int day = 0; day < 5; ++day) ASSERT_TRUE(file.write(kTime + day * 86'400'000, fmt::format("day {}", day)));
  ASSERT_TRUE(file.flush());
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"ws-2026-02-02.log", "ws-2026-02-03.log", "ws-2026-02-04.log"}));
  EXPECT_EQ(folder.read("ws-2026-02-04.log"), "day 4\n");
  EXPECT_EQ(folder.read("ws-2026-02-02.log"), "day 2\n");
}

TEST(LogFile, AFullFileIsSetAsideUnderTheNextNumber) {
  Folder folder;
  std::ofstream(folder.path() + "/ws-2026-01-31.2.log") << "was there\n";
  const std::string line(99, 'x');
  {
    DailyFile file(folder.path(), 2, 1000);
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(file.write(kTime, line));
    ASSERT_TRUE(file.flush());
  }
  const std::vector<std::string> parts{"ws-2026-01-31.1.log", "ws-2026-01-31.2.log", "ws-2026-01-31.3.log",
                                       "ws-2026-01-31.log"};
  EXPECT_EQ(folder.files(), parts);
  EXPECT_EQ(folder.read("ws-2026-01-31.1.log").size(), 1000u);
  EXPECT_EQ(folder.read("ws-2026-01-31.2.log"), "was there\n");
  EXPECT_EQ(folder.read("ws-2026-01-31.3.log").size(), 1000u);
  EXPECT_EQ(folder.read("ws-2026-01-31.log").size(), 500u);
  // Opened again it goes on with the size it had; the parts go with their day.
  DailyFile again(folder.path(), 2, 1000);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(again.write(kTime, line));
  ASSERT_TRUE(again.flush());
  EXPECT_EQ(folder.read("ws-2026-01-31.4.log").size(), 1000u);
  ASSERT_TRUE(again.write(kTime + 3 * 86'400'000, line));
  EXPECT_EQ(folder.files(), std::vector<std::string>{"ws-2026-02-03.log"});
}

TEST(LogFile, OnlyNamesOfOurFormAreRemoved) {
  Folder folder;
  const std::vector<std::string> others{"ws-2020-01-01.1x.log", "ws-2020-01-01..log", "ws-2020-01-01.log.gz",
                                        "ws-2020-01-01.x.log",  "ws-2020-01.log",     "xs-2020-01-01.log"};
  for (const auto& name : others) std::ofstream(folder.path() + "/" + name) << "not ours\n";
  for (const char* name : {"ws-2020-01-01.log", "ws-2020-01-01.1.log", "ws-2020-01-01.117.log"}) {
    std::ofstream(folder.path() + "/" + name) << "old\n";
  }
  DailyFile file(folder.path(), 2);
  ASSERT_TRUE(file.write(kTime, "x"));
  auto left = others;
  left.push_back("ws-2026-01-31.log");
  std::ranges::sort(left);
  EXPECT_EQ(folder.files(), left);
}

TEST(LogBursts, ASecondsLinesOfAnEventAreCountedBeyondTheLimit) {
  Bursts bursts(3);
  int written = 0;
  for (int i = 0; i < 10; ++i) written += bursts.admit("flood", 7) ? 1 : 0;
  EXPECT_EQ(written, 3);
  EXPECT_TRUE(bursts.admit("other", 7));
  std::vector<std::pair<std::string, std::uint64_t>> told;
  const auto tell = [&told](std::string_view event, std::uint64_t lines) { told.emplace_back(event, lines); };
  bursts.take(7, tell);
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(bursts.pending());
  EXPECT_TRUE(bursts.admit("flood", 8));
  bursts.take(9, tell);
  EXPECT_EQ(told, (std::vector<std::pair<std::string, std::uint64_t>>{{"flood", 7}}));
  EXPECT_FALSE(bursts.pending());
}

TEST(LogBursts, NoLimitLeavesNothingOut) {
  Bursts bursts(0);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(bursts.admit("e", 1));
}

TEST(LogBursts, EveryLineOfManyThreadsIsWrittenOrCounted) {
  constexpr int kThreads = 4, kLines = 5000;
  Bursts bursts(100);
  std::atomic<std::uint64_t> written{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&bursts, &written] {
        for (int i = 0; i < kLines; ++i) written += bursts.admit(fmt::format("e{}", i % 10), 5) ? 1 : 0;
      });
    }
  }
  std::uint64_t left_out = 0;
  std::size_t events = 0;
  bursts.take(6, [&](std::string_view, std::uint64_t lines) { left_out += lines, ++events; });
  EXPECT_EQ(written, 10 * 100u);
  EXPECT_EQ(events, 10u);
  EXPECT_EQ(written + left_out, std::uint64_t{kThreads} * kLines);
}

TEST(LogBursts, MoreEventsThanItTellsApartShareACount) {
  Bursts bursts(1);
  for (std::size_t i = 0; i < kBurstEvents; ++i) ASSERT_TRUE(bursts.admit(fmt::format("e{}", i), 1));
  EXPECT_TRUE(bursts.admit("x", 1));
  EXPECT_FALSE(bursts.admit("y", 1));
  EXPECT_FALSE(bursts.admit("e0", 1));
}

TEST(LogFile, AFloodIsANumberAndErrorsAreNot) {
  Folder folder;
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .burst = 5, .terminal = false}, problem));
  for (int i = 0; i < 200; ++i) info("flood", {{"n", i}});
  for (int i = 0; i < 20; ++i) error("failed", {{"n", i}});
  info("calm");
  close_log();
  const std::string text = folder.read("ws-" + today() + ".log");
  const auto count = [&text](std::string_view what) {
    std::uint64_t n = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++n;
    return n;
  };
  EXPECT_EQ(count(R"("event":"failed")"), 20u);
  EXPECT_EQ(count(R"("event":"calm")"), 1u);
  // The clock may have gone on to the next second in between; every line is there or counted.
  std::uint64_t left_out = 0;
  const std::string_view said = R"("event":"suppressed","of":"flood","lines":)";
  for (std::size_t at = 0; (at = text.find(said, at)) != std::string::npos;) {
    at += said.size();
    left_out += std::stoull(text.substr(at, 10));
  }
  EXPECT_LE(count(R"("event":"flood")"), 10u);
  EXPECT_EQ(count(R"("event":"flood")") + left_out, 200u) << text;
}

TEST(LogFile, AFloodIsToldOfWhileNothingElseIsWritten) {
  Folder folder;
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .burst = 1, .terminal = false}, problem));
  const auto before = tail_newest();
  for (int i = 0; i < 50; ++i) info("flood", {{"n", i}});
  const auto told = [before] {
    return std::ranges::any_of(tail(before, 100), [](const auto& l) { return l.json.contains("suppressed"); });
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!told() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(told());
  close_log();
}

TEST(LogTail, NewestLinesByNumberWhateverTheFormOfTheFile) {
  Folder folder;
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .json = false, .terminal = false}, problem));
  for (int i = 0; i < 10; ++i) info("line", {{"n", i}});
  close_log();
  const auto newest = tail_newest();
  const auto last = tail(0, 3);
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last.back().seq, newest);
  EXPECT_TRUE(last.back().json.ends_with(R"("event":"line","n":9})")) << last.back().json;
  EXPECT_EQ(last.front().seq, newest - 2);
  // On from a number: oldest first, and nothing where there is nothing.
  const auto on = tail(newest - 5, 2);
  ASSERT_EQ(on.size(), 2u);
  EXPECT_EQ(on.front().seq, newest - 4);
  EXPECT_TRUE(tail(newest, 5).empty());
  EXPECT_EQ(tail(newest + 1000, 4).size(), 4u);
}

TEST(LogTail, BoundedByLinesAndBytes) {
  for (std::size_t i = 0; i < kTailLines + 50; ++i) tail_push("{}");
  EXPECT_EQ(tail(0, 10 * kTailLines).size(), kTailLines);
  // Lines that are gone show as a gap in the numbers.
  const auto newest = tail_newest();
  EXPECT_EQ(tail(newest - kTailLines - 20, 1).front().seq, newest - kTailLines + 1);
  for (int i = 0; i < 64; ++i) tail_push(std::string(64 * 1024, 'x'));
  EXPECT_EQ(tail(0, kTailLines).size(), kTailBytes / (64 * 1024));
}

TEST(LogFile, AFullDiskIsCountedAndNotFatal) {
  Folder folder;
  // The day's file leads to a device that is always full.
  std::filesystem::create_symlink("/dev/full", folder.path() + "/ws-" + today() + ".log");
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .terminal = false}, problem)) << problem;
  std::uint64_t before = dropped_lines();
  for (int i = 0; i < 10; ++i) info("line", {{"n", i}});
  close_log();
  EXPECT_GE(dropped_lines() - before, 10u);
}

TEST(LogFile, AppendsAndCanBeText) {
  Folder folder;
  std::string problem;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(open_log({.dir = folder.path(), .json = false, .level = Level::warn, .terminal = false}, problem));
    info("hidden");
    warn("shown", {{"n", i}});
    close_log();
  }
  std::string text = folder.read("ws-" + today() + ".log");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find(" warn  shown  n=1\n"), std::string::npos) << text;
}

TEST(LogFile, ManyThreadsLoseNothingUncounted) {
  Folder folder;
  std::string problem;
  ASSERT_TRUE(open_log({.dir = folder.path(), .terminal = false}, problem));
  std::uint64_t before = dropped_lines();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 6000; ++i) info("line", {{"thread", t}, {"n", i}});
    });
  }
  for (auto& thread : threads) thread.join();
  close_log();
  std::string text = folder.read("ws-" + today() + ".log");
  std::uint64_t written = 0;
  for (std::size_t at = 0; (at = text.find("\"event\":\"line\"", at)) != std::string::npos; ++at) ++written;
  EXPECT_EQ(written + dropped_lines() - before, 24000u);
}

TEST(LogFile, AFolderThatCannotBeMadeIsNamed) {
  Folder folder;
  std::ofstream(folder.path() + "/file") << "x";
  std::string problem;
  EXPECT_FALSE(open_log({.dir = folder.path() + "/file/logs", .terminal = false}, problem));
  EXPECT_NE(problem.find("/file/logs/ws-"), std::string::npos) << problem;
  EXPECT_NE(problem.find("Not a directory"), std::string::npos) << problem;
}

TEST(LogFile, WithoutALogLinesGoToStderrAsText) {
  close_log();
  testing::internal::CaptureStderr();
  warn("before", {{"v", "x\ny"}});
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.ends_with(" warn  before  v=\"x\\ny\"\n")) << text;
}

TEST(LogFile, TerminalGetsJsonWhereItIsNone) {
  testing::internal::CaptureStdout();
  std::string problem;
  ASSERT_TRUE(open_log({}, problem));
  info("hello", {{"n", 1}});
  close_log();
  std::string text = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(text.ends_with(R"("level":"info","event":"hello","n":1})"
                             "\n"))
      << text;
}

TEST(LogFile, AnotherLogTakesItsPlaceWithoutALineLost) {
  Folder first, second;
  std::string problem;
  ASSERT_TRUE(open_log({.dir = first.path(), .terminal = false}, problem));
  const auto before = dropped_lines();
  constexpr int kLines = 2000;
  std::thread writer([] {
    for (int i = 0; i < kLines; ++i) info("line", {{"n", i}});
  });
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(open_log({.dir = (i % 2 == 0 ? second : first).path(), .terminal = false}, problem)) << problem;
  }
  writer.join();
  // What cannot be opened leaves the one that is.
  std::ofstream(first.path() + "/file") << "x";
  EXPECT_FALSE(open_log({.dir = first.path() + "/file/logs", .terminal = false}, problem));
  info("line", {{"n", kLines}});
  close_log();
  const std::string text = first.read("ws-" + today() + ".log") + second.read("ws-" + today() + ".log");
  EXPECT_EQ(std::ranges::count(text, '\n'), kLines + 1);
  EXPECT_EQ(dropped_lines(), before);
}

}  // namespace
}  // namespace gatecast::log
