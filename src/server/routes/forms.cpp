#include "server/routes/forms.hpp"

#include "protocol/json_writer.hpp"
#include "server/json/publication_views.hpp"
#include "ws/deflate.hpp"
#include "ws/encoder.hpp"

namespace gatecast::server {
namespace {

class JsonOverWebSocket final : public hub::Form {
 public:
  JsonOverWebSocket(bool joins, bool deflates) : joins_(joins), deflates_(deflates) {}

  void encode(std::string& out, const broker::Publication& p) const override { encode(out, p, PublicationViews(p)); }
  void encode_delta(std::string& out, const broker::Publication& p, std::string_view delta) const override {
    encode(out, p, PublicationViews(p, delta));
  }

 private:
  void encode(std::string& out, const broker::Publication& p, const PublicationViews& view) const {
    static thread_local std::string push;
    push.clear();
    const protocol::ClientInfo who{p.user, p.client, p.conn_info, p.chan_info};
    switch (p.kind) {
      case broker::PublicationKind::message:
        protocol::append_publication_push(push, p.channel, view.views().front());
        break;
      case broker::PublicationKind::join:
        if (joins_) protocol::append_join_push(push, p.channel, who);
        break;
      case broker::PublicationKind::leave:
        if (joins_) protocol::append_leave_push(push, p.channel, who);
        break;
    }
    if (push.empty()) return;
    if (!deflates_ || push.size() < ws::kDeflateFrom) return ws::append_frame(out, ws::Opcode::text, push);
    static thread_local std::string payload;
    payload.clear();
    ws::append_deflated(payload, push);
    ws::append_frame(out, ws::Opcode::text, payload, true);
  }

  const bool joins_;
  const bool deflates_;
};

}  // namespace

const hub::Form& json_over_websocket(bool joins, bool deflates) {
  static const JsonOverWebSocket forms[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  return forms[(joins ? 1 : 0) + (deflates ? 2 : 0)];
}

}  // namespace gatecast::server
