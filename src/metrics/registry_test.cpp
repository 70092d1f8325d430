#include "metrics/registry.hpp"

#include <fstream>
#include <sstream>

namespace gatecast::metrics {
namespace {

double series(std::string_view name, std::string_view first, std::string_view second = "") {
  for (const Sample& s : samples(name)) {
    if (s.first == first && s.second == second) return s.value;
  }
  return 0;
}

TEST(Metrics, CountsByLabel) {
  double all = total("refusals_total");
  double limited = series("refusals_total", "rate_limited");
  count<"refusals_total">(Errc::rate_limited);
  count<"refusals_total">(Errc::rate_limited);
  count<"refusals_total">(Errc::cancelled);
  EXPECT_EQ(total("refusals_total") - all, 3);
  EXPECT_EQ(series("refusals_total", "rate_limited") - limited, 2);
  add<"bytes_in_total">(1000);
  EXPECT_GE(total("bytes_in_total"), 1000);
  EXPECT_EQ(total("no_such_metric"), 0);
}

TEST(Metrics, TwoLabelsDoNotMeet) {
  for (std::size_t r = 0; r <= kRoutes.size(); ++r) {
    for (unsigned status : {101u, 200u, 505u, 299u}) {
      std::string_view route = label_value(Domain::route, r);
      std::string_view text = label_value(Domain::status, label_index(Status{status}));
      double all = total("http_requests_total");
      auto before = samples("http_requests_total").size();
      double was = series("http_requests_total", route, text);
      count<"http_requests_total">(Route{r}, Status{status});
      EXPECT_EQ(total("http_requests_total") - all, 1);
      EXPECT_TRUE(series("http_requests_total", route, text) - was == 1 ||
                  samples("http_requests_total").size() == before + 1);
    }
  }
  count<"http_requests_total">(kUnknownRoute, Status{404});
  EXPECT_GE(series("http_requests_total", "unknown", "404"), 1);
}

TEST(Metrics, TwoPathsOfOneRouteAreOneSeries) {
  std::size_t first = 0;
  while (kRoutes[first].path != "/connection/websocket") ++first;
  std::size_t second = 0;
  while (kRoutes[second].path != "/ws") ++second;
  EXPECT_EQ(label_index(Route{first}), label_index(Route{second}));
}

TEST(Metrics, GaugesFallBelowWhatAnotherThreadRaised) {
  double open = total("connections_open");
  gauge_add<"connections_open">(5);
  std::thread([] { gauge_add<"connections_open">(-3); }).join();
  EXPECT_EQ(total("connections_open") - open, 2);
  gauge_add<"connections_open">(-2);
  EXPECT_EQ(total("connections_open"), open);
  gauge_add<"subscriptions_open">(-7);
  EXPECT_EQ(total("subscriptions_open"), -7);
  gauge_add<"subscriptions_open">(7);
  gauge_set<"channels_open">(4);
  gauge_set<"channels_open">(3);
  EXPECT_EQ(total("channels_open"), 3);
}

TEST(Metrics, HistogramBucketsAndSum) {
  for (double v : {1.0, 2.0, 3.0, 1e9}) observe<"store_group_size">(v);
  auto read = samples("store_group_size");
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].buckets, (std::vector<std::uint64_t>{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(read[0].value, 1e9 + 6);
  EXPECT_EQ(total("store_group_size"), 4);
  EXPECT_NE(exposition().find("gatecast_store_group_size_bucket{le=\"4\"} 3\n"), std::string::npos) << exposition();
  EXPECT_NE(exposition().find("gatecast_store_group_size_bucket{le=\"+Inf\"} 4\n"), std::string::npos);
}

TEST(Metrics, ManyThreadsWhileScraping) {
  double before = total("messages_out_total");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 20000; ++i) count<"messages_out_total">();
    });
  }
  double last = before;
  for (int i = 0; i < 50; ++i) {
    double now = total("messages_out_total");
    EXPECT_GE(now, last);
    last = now;
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(total("messages_out_total") - before, 160000);
}

TEST(Metrics, EndedThreadsKeepTheirCountsAndPassOnTheirBlock) {
  std::thread([] { count<"mailbox_full_total">(); }).join();
  double before = total("mailbox_full_total");
  detail::Slots* first = nullptr;
  detail::Slots* second = nullptr;
  std::thread([&] { count<"mailbox_full_total">(), first = &detail::here(); }).join();
  std::thread([&] { count<"mailbox_full_total">(), second = &detail::here(); }).join();
  EXPECT_EQ(first, second);
  EXPECT_EQ(total("mailbox_full_total") - before, 2);
}

TEST(Metrics, ExpositionOfEveryFamily) {
  std::string text = exposition();
  for (const Family& family : kFamilies) {
    if (family.first != Domain::none) continue;
    EXPECT_NE(text.find(fmt::format("# HELP gatecast_{} {}\n", family.name, family.help)), std::string::npos);
  }
  count<"http_requests_total">(Route{0}, Status{200});
  EXPECT_NE(exposition().find("gatecast_http_requests_total{route=\"wallet_challenge\",status=\"200\"} "),
            std::string::npos);
}

TEST(Metrics, NamesAreUniqueAndWellFormed) {
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    std::string_view name = kFamilies[i].name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
    EXPECT_EQ(kFamilies[i].type == Type::counter, name.ends_with("_total")) << name;
    EXPECT_EQ(kFamilies[i].type == Type::histogram, kFamilies[i].buckets != Buckets::none) << name;
    EXPECT_TRUE(kFamilies[i].help.ends_with(".")) << name;
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(name, kFamilies[j].name);
  }
}

TEST(Metrics, ReferenceIsTheOneInTheRepository) {
  std::string path = GATECAST_SOURCE_DIR "/docs/metrics.md";
  if (std::getenv("GATECAST_WRITE_GOLDEN") != nullptr) std::ofstream(path) << reference();
  std::ifstream in(path);
  std::ostringstream kept;
  kept << in.rdbuf();
  EXPECT_EQ(kept.str(), reference()) << "GATECAST_WRITE_GOLDEN=1 gatecast_metrics_test writes it anew";
}

}  // namespace
}  // namespace gatecast::metrics
