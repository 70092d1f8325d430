#include "server/forms.hpp"

#include "protocol/json_writer.hpp"
#include "ws/encoder.hpp"

namespace gatecast::server {
namespace {

class JsonOverWebSocket final : public hub::Form {
 public:
  void encode(std::string& out, const broker::Publication& publication) const override {
    static thread_local std::string push;
    push.clear();
    protocol::ClientInfo info{publication.user, publication.client};
    protocol::PublicationView view{.data = publication.data, .offset = publication.offset};
    if (!publication.client.empty()) view.info = &info;
    protocol::append_publication_push(push, publication.channel, view);
    ws::append_frame(out, ws::Opcode::text, push);
  }
};

}  // namespace

const hub::Form& json_over_websocket() {
  static const JsonOverWebSocket form;
  return form;
}

}  // namespace gatecast::server
