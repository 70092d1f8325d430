// What an application of the simulation makes of the frames it gets, each held against the model: it gets nothing that
// it did not ask for, every publication after the one before, and what a recovery promises.
//
// Threads: one. Test code.
#pragma once

#include <sstream>

#include "hub/sim_model.hpp"
#include "hub/sim_peers.hpp"

namespace gatecast::hub::testing {

class SimReader {
 public:
  /// `lossless`: no lane is so short that it loses word of who comes and goes.
  SimReader(HistoryModel& model, SimTally& tally, bool lossless) : model_(model), tally_(tally), lossless_(lossless) {}

  void arrived(SimApp& app, const std::string& text) {
    EXPECT_FALSE(app.told_to_leave) << "after the disconnect: " << text;
    std::istringstream words(text);
    std::string kind, name;
    words >> kind >> name;
    if (kind == "D") {
      app.told_to_leave = true;
      return;
    }
    auto& view = app.views[name];
    auto& channel = model_.channel(name);
    if (kind == "S") return on_reply(channel, view, words);
    if (kind == "X") {
      EXPECT_EQ(view.state, SimView::State::leaving) << text;
      view.state = SimView::State::idle;
      return forget_live(view);
    }
    const bool on = view.state == SimView::State::on || (view.state == SimView::State::leaving && !view.ended);
    EXPECT_TRUE(on) << "without a subscription: " << text;
    if (kind == "P") return on_publication(channel, view, words);
    if (kind == "U") {
      if (view.state == SimView::State::leaving) view.ended = true;
      if (view.state == SimView::State::on) view.state = SimView::State::idle;
      return forget_live(view);
    }
    on_presence(app, channel, view, kind, words);
  }

 private:
  static void forget_live(SimView& view) {
    view.live.reset();
    view.present.clear();
  }

  void on_reply(HistoryModel::Channel& channel, SimView& view, std::istringstream& words) {
    EXPECT_EQ(view.state, SimView::State::asked) << "a reply nobody asked for, " << channel.name;
    broker::StreamPosition position;
    char outcome = '?';
    words >> position.offset >> position.epoch >> outcome >> view.taken_at_reply;
    view.state = outcome == 'e' ? SimView::State::idle : SimView::State::on;
    forget_live(view);
    if (outcome == 'e' || !channel.options.on()) return;
    std::uint64_t last = view.asked ? view.asked->offset : 0;
    std::uint64_t count = 0;
    for (std::string item; words >> item; ++count) {
      const auto equals = item.find('=');
      const std::uint64_t offset = std::stoull(item.substr(0, equals));
      if (channel.newest_only) {
        EXPECT_EQ(offset, position.offset) << "not the newest, " << channel.name;
      } else {
        EXPECT_EQ(offset, last + 1) << "a hole among what was recovered, " << channel.name;
      }
      last = offset;
      check_data(channel, position.epoch, offset, item.substr(equals + 1));
    }
    if (outcome == 'r') EXPECT_EQ(last, position.offset) << "less than all was recovered, " << channel.name;
    if (channel.newest_only) EXPECT_LE(count, 1U);
    view.at = position;
    view.has_position = true;
  }

  void check_data(const HistoryModel::Channel& channel, std::uint64_t epoch, std::uint64_t offset,
                  const std::string& data) {
    ++tally_.received;
    const auto* g = model_.by_epoch(channel, epoch);
    ASSERT_NE(g, nullptr) << "an epoch of nothing, " << channel.name;
    ASSERT_LE(offset, g->top()) << channel.name;
    EXPECT_EQ(data, g->data[offset - 1]) << channel.name << " " << offset;
  }

  void on_publication(HistoryModel::Channel& channel, SimView& view, std::istringstream& words) {
    std::uint64_t offset = 0;
    std::string data;
    words >> offset >> data;
    if (channel.options.on()) {
      EXPECT_EQ(offset, view.at.offset + 1) << "a silent hole, or twice, in " << channel.name;
      view.at.offset = offset;
      return check_data(channel, view.at.epoch, offset, data);
    }
    ++tally_.received;
    const auto found = std::ranges::find(channel.live, data);
    ASSERT_NE(found, channel.live.end()) << "never published: " << data;
    const auto place = static_cast<std::size_t>(found - channel.live.begin());
    if (view.live) {
      EXPECT_EQ(place, *view.live) << "a silent hole, or twice, in " << channel.name;
    } else {
      EXPECT_LE(place, view.taken_at_reply) << "lost after the subscribe reply in " << channel.name;
    }
    view.live = place + 1;
  }

  void on_presence(const SimApp& app, const HistoryModel::Channel& channel, SimView& view, const std::string& kind,
                   std::istringstream& words) {
    ++tally_.joins;
    std::string who;
    words >> who;
    EXPECT_TRUE(app.sees_joins && channel.joins) << kind << " to one that did not ask";
    const bool comes = kind == "J";
    const auto [known, fresh] = view.present.emplace(who, comes);
    // A full lane may have lost what was between.
    if (!fresh && lossless_)
      EXPECT_NE(known->second, comes) << who << (comes ? " came twice to " : " left twice ") << channel.name;
    known->second = comes;
  }

  HistoryModel& model_;
  SimTally& tally_;
  const bool lossless_;
};

}  // namespace gatecast::hub::testing
