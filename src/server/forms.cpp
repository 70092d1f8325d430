#include "server/forms.hpp"

#include "protocol/json_writer.hpp"
#include "server/publication_views.hpp"
#include "ws/encoder.hpp"

namespace gatecast::server {
namespace {

class JsonOverWebSocket final : public hub::Form {
 public:
  explicit JsonOverWebSocket(bool joins) : joins_(joins) {}

  void encode(std::string& out, const broker::Publication& p) const override {
    static thread_local std::string push;
    push.clear();
    const protocol::ClientInfo who{p.user, p.client, p.conn_info, p.chan_info};
    switch (p.kind) {
      case broker::PublicationKind::message: {
        const PublicationViews view(p);
        protocol::append_publication_push(push, p.channel, view.views().front());
        break;
      }
      case broker::PublicationKind::join:
        if (joins_) protocol::append_join_push(push, p.channel, who);
        break;
      case broker::PublicationKind::leave:
        if (joins_) protocol::append_leave_push(push, p.channel, who);
        break;
    }
    if (!push.empty()) ws::append_frame(out, ws::Opcode::text, push);
  }

 private:
  const bool joins_;
};

}  // namespace

const hub::Form& json_over_websocket(bool joins) {
  static const JsonOverWebSocket plain(false);
  static const JsonOverWebSocket with_joins(true);
  return joins ? with_joins : plain;
}

}  // namespace gatecast::server
