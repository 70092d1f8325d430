// What nodes say to each other, as bytes: a head of one line and a body.
//
//   t=ask f=ID q=17 k=connections\n{"user":…}
//
// Place: NodeTalk makes and reads them; Redis and MemoryNet carry them. Pure. A reader takes what it knows: other names
// in the head are passed over, since a newer neighbour may write them; `t` of another kind is Type::unknown.
// Bounds: kHeadBytesMax, Nodes::kMessageBytesMax in all. Error: bad_request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::broker {

struct NodeMessage {
  enum class Type : std::uint8_t { unknown, hello, bye, word, question, answer };
  Type type = Type::unknown;
  std::string from{};          // the node's id
  std::uint64_t sequence = 0;  // how many messages it has sent to all, with this one; 0: not said
  bool to_all = false;         // this one is of those
  bool asks_back = false;      // hello: whoever hears it says hello at once
  std::uint64_t question = 0;  // question, answer: the asker's number
  std::uint32_t part = 1;      // answer: of `parts`
  std::uint32_t parts = 1;
  std::string kind{};   // word, question
  std::string error{};  // answer: a code's name instead of a body
  std::string_view body{};
};

inline constexpr std::size_t kHeadBytesMax = 512;

std::string node_message(const NodeMessage& message);
/// The body points into `bytes`.
Result<NodeMessage> parse_node_message(std::string_view bytes);

/// 1 to 64 of [A-Za-z0-9-].
bool is_node_id(std::string_view id);
/// 1 to 32 of [a-z0-9_.].
bool is_node_kind(std::string_view kind);

/// The body of a hello.
struct NodeSelf {
  std::string name{};     // at most 64 bytes, one line
  std::string version{};  // at most 32 bytes, one line
  std::string facts{};    // one JSON object; kFactsBytesMax
};
inline constexpr std::size_t kFactsBytesMax = 16 * 1024;

std::string hello_body(const NodeSelf& self);
/// Error: bad_request. The facts are not looked into.
Result<NodeSelf> parse_hello_body(std::string_view body);

}  // namespace gatecast::broker
