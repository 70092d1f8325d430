#include "session/chain_node.hpp"

#include <fmt/format.h>

#include "identity/contract_wallet.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

constexpr std::chrono::seconds kNodeTime{3};
constexpr std::size_t kNodeReplyBytes = std::size_t{64} * 1024;

Error unusable(std::string_view why) {
  return fail(Errc::temporarily_unavailable, fmt::format("signin.ethereum.rpc_url: {}", why));
}

/// A contract that reverts has not said yes; any other error is the node's. Nodes agree on no number for it: 3 has its
/// own meaning, -32000 several, and then the message says which.
bool is_revert(std::string_view error) {
  const auto object = token::JsonObject::parse(error);
  if (!object.has_value()) return false;
  const token::JsonMember* code = object->find("code");
  if (code != nullptr && code->raw == "3") return true;
  const token::JsonMember* message = object->find("message");
  const auto text = message == nullptr ? std::nullopt : token::json_string(*message);
  return text.has_value() && text->find("revert") != std::string::npos;
}

}  // namespace

Task<Result<bool>> is_valid_signature(ChainNode node, std::string address, std::string hash, std::string signature) {
  // Every part is hex that was made here, so nothing in it needs escaping.
  outbound::Request request{
      .method = "POST",
      .url = node.url,
      .headers = {{"content-type", "application/json"}},
      .body =
          fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{{"to":"{}","data":"{}"}},"latest"]}})",
                      address, identity::is_valid_signature_input(hash, signature)),
      .time = kNodeTime,
      .reply_bytes = kNodeReplyBytes};
  Result<outbound::Reply> reply = co_await node.outbound.send(std::move(request));
  if (!reply.has_value()) co_return unusable(info(reply.error().code).name);
  if (reply->status != 200) co_return unusable(fmt::format("status {}", reply->status));
  const auto answer = token::JsonObject::parse(reply->body);
  if (!answer.has_value()) co_return unusable("not JSON");
  const token::JsonMember* id = answer->find("id");
  if (id == nullptr || id->raw != "1") co_return unusable("another call's answer");
  if (const token::JsonMember* error = answer->find("error"); error != nullptr && error->raw != "null") {
    if (is_revert(error->raw)) co_return false;
    co_return unusable("an error that is no revert");
  }
  const token::JsonMember* result = answer->find("result");
  const auto text = result == nullptr ? std::nullopt : token::json_string(*result);
  if (!text.has_value()) co_return unusable("neither result nor error");
  co_return identity::is_valid_signature_output(*text);
}

}  // namespace gatecast::session
