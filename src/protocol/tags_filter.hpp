// Which publications a subscriber wants, by their tags: the tree `tf` of a subscribe command, read once.
//
// Place: made by the server from a command, asked by the hub for each publication; equal filters of a channel are asked
// once. Immutable after `parse`; threads: any. A leaf compares one tag: eq neq in nin ex nex sw ew ct as texts, lt lte
// gt gte as decimal numbers of any length, false where the tag is missing or no number. For `in` and `nin` a missing
// tag is an empty text. A filter saves bandwidth, it grants and forbids nothing.
// Bounds: kNodesMax, kDepthMax, kValuesMax, kBytesMax; with them asking costs a walk over the nodes and, for a leaf,
// over the tag. Errors: bad_request, with what is wrong as detail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace gatecast::protocol {

using TagList = std::vector<std::pair<std::string, std::string>>;

class TagsFilter {
 public:
  static constexpr std::size_t kBytesMax = 4096;  // of the JSON text
  static constexpr std::size_t kNodesMax = 64;
  static constexpr std::size_t kValuesMax = 64;  // of all `vals` together
  static constexpr unsigned kDepthMax = 8;

  /// Reads a tree; `json` is a valid JSON object.
  static Result<TagsFilter> parse(std::string_view json);

  bool matches(const TagList& tags) const { return matches(0, tags); }
  bool operator==(const TagsFilter&) const = default;
  /// Equal filters have equal hashes.
  std::uint64_t hash() const { return hash_; }

 private:
  class Reader;
  enum class Op : std::uint8_t { leaf, all, any, none };
  enum class Compare : std::uint8_t { eq, neq, in, nin, ex, nex, sw, ew, ct, lt, lte, gt, gte };
  struct Text {
    std::uint16_t begin = 0;
    std::uint16_t size = 0;
    bool operator==(const Text&) const = default;
  };
  /// In the order of the text, parents first: the children of a node lie behind it, up to `end`.
  struct Node {
    Op op = Op::leaf;
    Compare compare = Compare::eq;
    std::uint16_t end = 0;     // the node behind its last descendant
    Text key{};                // of a leaf
    std::uint16_t values = 0;  // the leaf's first value
    std::uint16_t value_count = 0;
    bool operator==(const Node&) const = default;
  };

  std::string_view view(Text t) const { return std::string_view(text_).substr(t.begin, t.size); }
  bool matches(std::size_t node, const TagList& tags) const;
  bool leaf_matches(const Node& leaf, const TagList& tags) const;

  std::uint64_t hash_ = 0;
  std::string text_;  // of all keys and values
  std::vector<Node> nodes_;
  std::vector<Text> values_;
};

/// Below, equal or above 0 as the decimal number `a` is below, equal to or above `b`; nothing where one is no number.
/// A number is digits, perhaps a sign before and a point with digits behind; no exponent, at most 200 bytes.
std::optional<int> compare_decimals(std::string_view a, std::string_view b);

}  // namespace gatecast::protocol
