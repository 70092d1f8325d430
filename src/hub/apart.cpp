// Filters and differences: who gets which form of a publication, and what it is the difference from.
#include "hub/apart.hpp"

#include "broker/fossil.hpp"
#include "hub/hub.hpp"

namespace gatecast::hub {
namespace {

bool is_message(const broker::Publication& p) { return p.kind == broker::PublicationKind::message; }

bool same(const broker::PublicationRef& a, const broker::PublicationRef& b) {
  if (a == nullptr || b == nullptr) return false;
  return a == b || (a->offset != 0 && a->offset == b->offset && a->epoch == b->epoch);
}

/// The frames of one publication, each made when the first needs it.
class Frames {
 public:
  Frames(const broker::Publication& publication, std::string& scratch) : publication_(publication), scratch_(scratch) {}

  /// A frame of that form; null where such subscribers do not see the publication.
  const Slice* plain(const Form& form) { return get(form, Kind::plain, {}); }
  const Slice* whole_text(const Form& form) { return get(form, Kind::whole, {}); }
  const Slice* difference(const Form& form, std::string_view delta) { return get(form, Kind::delta, delta); }

 private:
  enum class Kind : std::uint8_t { plain, whole, delta };
  struct Made {
    const Form* form;
    Kind kind;
    bool seen;
    Slice frame;
  };

  const Slice* get(const Form& form, Kind kind, std::string_view delta) {
    for (const auto& m : made_) {
      if (m.form == &form && m.kind == kind) return m.seen ? &m.frame : nullptr;
    }
    scratch_.clear();
    if (kind == Kind::plain) {
      form.encode(scratch_, publication_);
    } else {
      form.encode_delta(scratch_, publication_, delta);
    }
    const bool seen = !scratch_.empty();
    made_.push_back({&form, kind, seen, seen ? whole(BlockRef::copy(scratch_)) : Slice{}});
    return seen ? &made_.back().frame : nullptr;
  }

  const broker::Publication& publication_;
  std::string& scratch_;
  std::vector<Made> made_;  // a handful: forms are few
};

}  // namespace

void Apart::enter(Client& client, FilterRef filter, const Form& form) {
  std::size_t free = groups.size();
  std::size_t i = 0;
  for (; i < groups.size(); ++i) {
    const auto& group = groups[i];
    if (group.clients.empty()) {
      free = i;
    } else if (group.form == &form && group.filter->hash() == filter->hash() && *group.filter == *filter) {
      break;
    }
  }
  if (i == groups.size()) {
    i = free;
    if (free == groups.size()) groups.emplace_back();
    groups[i].filter = std::move(filter);
    groups[i].form = &form;
  }
  groups[i].clients.insert(&client);
  group_of.emplace(&client, static_cast<std::uint32_t>(i));
}

void Apart::leave(Client& client) {
  const auto at = group_of.find(&client);
  auto& group = groups[at->second];
  group_of.erase(at);
  group.clients.erase(&client);
  if (group.clients.empty()) group = {};
}

/// Files the subscriber before it is among the channel's; `holds` is the newest publication that it has, if any.
Channel::How Hub::enter_apart(Channel& channel, Client& client, const SubscribeOptions& options,
                              broker::PublicationRef holds) {
  if (channel.apart == nullptr) channel.apart = std::make_unique<Apart>();
  auto& apart = *channel.apart;
  if (options.filter != nullptr) {
    apart.enter(client, options.filter, client.form(options.joins));
    return Channel::How::filtered;
  }
  // Where nobody holds anything yet, what this one holds is what the next one may be a difference from.
  if (apart.takers == apart.fresh) apart.newest = holds;
  ++apart.takers;
  if (same(apart.newest, holds)) return Channel::How::delta;
  ++apart.fresh;
  return Channel::How::fresh;
}

void Hub::leave_apart(Channel& channel, const Channel::Subscriber& s) {
  auto& apart = *channel.apart;
  if (s.how == Channel::How::filtered) {
    apart.leave(*s.client);
  } else {
    --apart.takers;
    if (s.how == Channel::How::fresh) --apart.fresh;
    if (apart.takers == 0) apart.newest = nullptr;
  }
  if (apart.empty()) channel.apart = nullptr;
}

/// The publication as its difference from what the subscribers hold; empty where it goes whole.
std::string_view Hub::delta_for(const Apart& apart, const broker::Publication& publication) {
  delta_.clear();
  const bool wanted = is_message(publication) && publication.delta && apart.takers > apart.fresh;
  if (wanted && apart.newest != nullptr) delta_ = broker::fossil_delta(apart.newest->data, publication.data);
  if (!delta_.empty()) ++stats_.deltas;
  return delta_;
}

void Hub::hand_out_apart(Channel& channel, const broker::PublicationRef& publication) {
  auto& apart = *channel.apart;
  const auto& p = *publication;
  const auto delta = delta_for(apart, p);
  if (channel.logged()) append_to_logs(channel, p, delta);

  Frames frames(p, frame_);
  // With a log the others read that.
  const bool all = !channel.logged();
  if (all || apart.fresh > 0) {
    for (auto& s : channel.subscribers) {
      const bool fresh = s.how == Channel::How::fresh;
      if (s.how == Channel::How::filtered || (!all && !fresh)) continue;
      const auto& form = s.client->form(s.joins);
      const Slice* frame = s.how == Channel::How::delta ? frames.difference(form, delta)
                           : fresh                      ? frames.whole_text(form)
                                                        : frames.plain(form);
      if (frame != nullptr) put(*s.client, *frame);
      if (!fresh || !is_message(p)) continue;
      s.how = Channel::How::delta;
      --apart.fresh;
      if (channel.logged()) join_log(channel, s);
    }
  }
  for (const auto& group : apart.groups) {
    if (group.clients.empty()) continue;
    if (is_message(p) && !group.filter->matches(p.tags)) {
      stats_.withheld += group.clients.size();
      continue;
    }
    const Slice* frame = frames.plain(*group.form);
    if (frame == nullptr) continue;
    for (auto* client : group.clients) put(*client, *frame);
  }
  if (is_message(p) && apart.takers > 0) apart.newest = publication;
}

}  // namespace gatecast::hub
