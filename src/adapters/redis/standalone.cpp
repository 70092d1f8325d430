// One server, always at the same address.
#include "adapters/redis/client_core.hpp"

namespace gatecast::redis {
namespace {

class Standalone final : public ClientCore {
 public:
  explicit Standalone(std::unique_ptr<Shared> shared) : ClientCore(std::move(shared)), link_(*shared_, *this) {
    link_.probe_with(shared_->options.topics ? probe_topic(*shared_, {}) : std::string());
  }
  ~Standalone() override { stop(); }

 private:
  void begin() override { link_.go_to(shared_->url.hosts.front()); }
  void end() override { link_.close(); }
  void on_tick() override { link_.tick(); }
  Link* link_of(std::uint16_t) override { return &link_; }
  void issue(Request request) override { link_.send(std::move(request)); }
  bool touch() const override { return link_.in_touch(); }
  std::string trouble_now() const override { return link_.trouble(); }
  std::string refusal_now() const override { return link_.refusal(); }

  Link link_;
};

}  // namespace

std::unique_ptr<Client> make_standalone(std::unique_ptr<Shared> shared) {
  return std::make_unique<Standalone>(std::move(shared));
}

}  // namespace gatecast::redis
