// Publications and presences as the protocol's writers take them.
#pragma once

#include <string_view>
#include <vector>

#include "broker/fossil.hpp"
#include "broker/publication.hpp"
#include "protocol/json_writer.hpp"
#include "protocol/reply.hpp"

namespace gatecast::server {

/// Views into the entries of a presence, which outlive them.
template <class Entries>
std::vector<protocol::ClientInfo> presence_views(const Entries& entries) {
  std::vector<protocol::ClientInfo> views;
  views.reserve(entries.size());
  for (const auto& who : entries) views.push_back({who->user, who->client, who->conn_info, who->chan_info});
  return views;
}

/// Views into publications that outlive it.
class PublicationViews {
 public:
  /// `deltas`: for a subscriber that takes differences. The first is whole, each other one is its difference from the
  /// one before where that is shorter; all data are texts.
  explicit PublicationViews(const std::vector<broker::PublicationRef>& publications, bool deltas = false) {
    // Reserved first: views point into these.
    std::size_t tags = 0;
    for (const auto& p : publications) tags += p->tags.size();
    infos_.reserve(publications.size());
    tags_.reserve(tags);
    views_.reserve(publications.size());
    if (deltas) texts_.reserve(publications.size());
    const broker::Publication* before = nullptr;
    for (const auto& p : publications) {
      add(*p);
      if (deltas) put_text(*p, before == nullptr ? std::string() : broker::fossil_delta(before->data, p->data));
      before = p.get();
    }
  }
  explicit PublicationViews(const broker::Publication& publication) {
    infos_.reserve(1);
    tags_.reserve(publication.tags.size());
    add(publication);
  }
  /// For a subscriber that takes differences: the data is a text that holds `delta`, or all where that is empty.
  PublicationViews(const broker::Publication& publication, std::string_view delta) : PublicationViews(publication) {
    put_text(publication, delta);
  }
  PublicationViews(const PublicationViews&) = delete;
  PublicationViews& operator=(const PublicationViews&) = delete;

  std::span<const protocol::PublicationView> views() const { return views_; }

 private:
  void add(const broker::Publication& p) {
    protocol::PublicationView view{.data = p.data, .offset = p.offset};
    if (!p.client.empty()) {
      infos_.push_back({p.user, p.client, p.conn_info, p.chan_info});
      view.info = &infos_.back();
    }
    const std::size_t first = tags_.size();
    for (const auto& [key, value] : p.tags) tags_.push_back({key, value});
    view.tags = std::span(tags_).subspan(first);
    views_.push_back(view);
  }
  void put_text(const broker::Publication& p, std::string_view delta) {
    protocol::append_json_text(texts_.emplace_back(), delta.empty() ? std::string_view(p.data) : delta);
    views_.back().data = texts_.back();
    views_.back().delta = !delta.empty();
  }

  std::vector<protocol::ClientInfo> infos_;
  std::vector<protocol::Tag> tags_;
  std::vector<std::string> texts_;
  std::vector<protocol::PublicationView> views_;
};

}  // namespace gatecast::server
