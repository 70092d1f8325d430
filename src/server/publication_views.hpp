// Publications as the protocol's writers take them.
#pragma once

#include <vector>

#include "broker/publication.hpp"
#include "protocol/reply.hpp"

namespace gatecast::server {

/// Views into publications that outlive it.
class PublicationViews {
 public:
  explicit PublicationViews(const std::vector<broker::PublicationRef>& publications) {
    // Reserved first: views point into `infos_` and `tags_`.
    std::size_t tags = 0;
    for (const auto& p : publications) tags += p->tags.size();
    infos_.reserve(publications.size());
    tags_.reserve(tags);
    views_.reserve(publications.size());
    for (const auto& p : publications) add(*p);
  }
  explicit PublicationViews(const broker::Publication& publication) {
    infos_.reserve(1);
    tags_.reserve(publication.tags.size());
    add(publication);
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

  std::vector<protocol::ClientInfo> infos_;
  std::vector<protocol::Tag> tags_;
  std::vector<protocol::PublicationView> views_;
};

}  // namespace gatecast::server
