#include "protocol/tags_filter.hpp"

#include <cstring>
#include <functional>

#include "protocol/json_scan.hpp"

namespace gatecast::protocol {
namespace {

constexpr std::size_t kNumberBytesMax = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Linear in both, which a search byte by byte is not.
bool contains(std::string_view text, std::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

/// A decimal number without sign, leading zeros, and zeros at the fraction's end.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
};

std::optional<Decimal> decimal(std::string_view text) {
  if (text.empty() || text.size() > kNumberBytesMax) return std::nullopt;
  Decimal d{.negative = text[0] == '-'};
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  const auto point = text.find('.');
  d.whole = text.substr(0, point);
  if (point != std::string_view::npos) {
    d.fraction = text.substr(point + 1);
    if (d.fraction.empty()) return std::nullopt;
  }
  if (d.whole.empty() || !std::ranges::all_of(d.whole, is_digit) || !std::ranges::all_of(d.fraction, is_digit)) {
    return std::nullopt;
  }
  while (d.whole.starts_with('0')) d.whole.remove_prefix(1);
  while (d.fraction.ends_with('0')) d.fraction.remove_suffix(1);
  if (d.whole.empty() && d.fraction.empty()) d.negative = false;
  return d;
}

}  // namespace

std::optional<int> compare_decimals(std::string_view a, std::string_view b) {
  const auto x = decimal(a), y = decimal(b);
  if (!x || !y) return std::nullopt;
  if (x->negative != y->negative) return x->negative ? -1 : 1;
  int order = 0;
  if (x->whole.size() != y->whole.size()) {
    order = x->whole.size() < y->whole.size() ? -1 : 1;
  } else {
    order = x->whole.compare(y->whole);
    if (order == 0) order = x->fraction.compare(y->fraction);
  }
  return x->negative ? -order : order;
}

/// Reads the tree out of a text that the scan validates once more as it goes.
class TagsFilter::Reader {
 public:
  explicit Reader(std::string_view json) : scan_(json) {}

  Result<TagsFilter> read() {
    scan_.skip_space();
    if (!node(0)) return fail(Errc::bad_request, std::string("tags filter: ") + (problem_ ? problem_ : "malformed"));
    filter_.hash_ = std::hash<std::string_view>{}(filter_.text_) * 31 + filter_.nodes_.size();
    filter_.nodes_.shrink_to_fit();
    filter_.values_.shrink_to_fit();
    filter_.text_.shrink_to_fit();
    return std::move(filter_);
  }

 private:
  /// The members of a node as they come.
  struct Members {
    std::string op;
    std::string compare;
    Text key{};
    std::optional<Text> val{};
    std::vector<Text> vals{};
    std::uint16_t children = 0;
    unsigned seen = 0;
  };
  static constexpr std::string_view kNames[] = {"op", "cmp", "key", "val", "vals", "nodes"};

  bool refuse(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  bool node(unsigned depth) {
    if (depth == kDepthMax) return refuse("too deep");
    if (filter_.nodes_.size() == kNodesMax) return refuse("too many nodes");
    if (scan_.peek() != '{') return refuse("a node is no object");
    const std::size_t at = filter_.nodes_.size();
    filter_.nodes_.emplace_back();
    Members members;
    const bool read = scan_.members([&](const JsonScan::Text& name) { return member(name, members, depth); });
    if (!read || !settle(filter_.nodes_[at], members)) return false;
    filter_.nodes_[at].end = static_cast<std::uint16_t>(filter_.nodes_.size());
    return true;
  }

  bool member(const JsonScan::Text& name, Members& m, unsigned depth) {
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
      if (!text_equals(name, kNames[i])) continue;
      if ((m.seen >> i & 1) != 0) return refuse("a member twice");
      m.seen |= 1u << i;
      if (scan_.peek() == 'n') return scan_.literal("null");
      switch (i) {
        case 0: return word(m.op);
        case 1: return word(m.compare);
        case 2: return text(m.key);
        case 3: return text(m.val.emplace());
        case 4: return list([&] { return text(m.vals.emplace_back()); });
        default: return list([&] { return ++m.children, node(depth + 1); });
      }
    }
    std::string_view skipped;
    return scan_.value(skipped);
  }

  /// An array, of which `item` takes each value.
  template <class F>
  bool list(F item) {
    if (!scan_.take('[')) return refuse("no array");
    scan_.skip_space();
    if (scan_.take(']')) return true;
    for (;;) {
      if (!item()) return false;
      scan_.skip_space();
      if (scan_.take(']')) return true;
      if (!scan_.take(',')) return false;
      scan_.skip_space();
    }
  }

  bool unescaped(std::string& into) {
    JsonScan::Text raw;
    if (scan_.peek() != '"') return refuse("a text is no string");
    if (!scan_.string(raw)) return false;
    std::string scratch;
    const auto plain = unescape(raw, scratch);
    if (!plain) return refuse("a text has an unpaired surrogate");
    into += *plain;
    return true;
  }
  bool word(std::string& into) { return unescaped(into); }
  bool text(Text& into) {
    // What was unescaped is never longer than the source, whose length kBytesMax bounds.
    const std::size_t begin = filter_.text_.size();
    if (!unescaped(filter_.text_)) return false;
    into = {static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(filter_.text_.size() - begin)};
    return true;
  }

  /// Whether the members make a node, which then has them.
  bool settle(Node& node, Members& m) {
    const bool has_val = m.val && m.val->size > 0;
    if (m.op.empty()) return settle_leaf(node, m, has_val);
    if (m.op == "and") {
      node.op = Op::all;
    } else if (m.op == "or") {
      node.op = Op::any;
    } else if (m.op == "not") {
      node.op = Op::none;
    } else {
      return refuse("unknown op");
    }
    if (!m.compare.empty() || m.key.size > 0 || has_val || !m.vals.empty()) return refuse("an op that compares");
    if (m.children == 0) return refuse("an op without nodes");
    return node.op != Op::none || m.children == 1 || refuse("`not` takes one node");
  }

  bool settle_leaf(Node& node, Members& m, bool has_val) {
    static constexpr std::string_view kCompares[] = {"eq", "neq", "in", "nin", "ex", "nex", "sw",
                                                     "ew", "ct",  "lt", "lte", "gt", "gte"};
    const auto* const found = std::ranges::find(kCompares, m.compare);
    if (found == std::end(kCompares)) return refuse("unknown cmp");
    node.compare = static_cast<Compare>(found - kCompares);
    node.key = m.key;
    if (m.children > 0) return refuse("a comparison with nodes");
    switch (node.compare) {
      case Compare::ex:
      case Compare::nex: return (!has_val && m.vals.empty()) || refuse("a value where none is compared");
      case Compare::in:
      case Compare::nin:
        if (has_val || m.vals.empty()) return refuse("`in` and `nin` take vals");
        break;
      default:
        if (!has_val || !m.vals.empty()) return refuse("no val");
        m.vals.push_back(*m.val);
    }
    if (m.key.size == 0) return refuse("no key");
    if (filter_.values_.size() + m.vals.size() > kValuesMax) return refuse("too many values");
    node.values = static_cast<std::uint16_t>(filter_.values_.size());
    node.value_count = static_cast<std::uint16_t>(m.vals.size());
    filter_.values_.insert(filter_.values_.end(), m.vals.begin(), m.vals.end());
    const auto first = filter_.view(m.vals.front());
    return node.compare < Compare::lt || compare_decimals(first, first) || refuse("val is no number");
  }

  JsonScan scan_;
  TagsFilter filter_;
  const char* problem_ = nullptr;
};

Result<TagsFilter> TagsFilter::parse(std::string_view json) {
  if (json.size() > kBytesMax) return fail(Errc::bad_request, "tags filter: too long");
  return Reader(json).read();
}

bool TagsFilter::matches(std::size_t at, const TagList& tags) const {
  const Node& node = nodes_[at];
  if (node.op == Op::leaf) return leaf_matches(node, tags);
  for (std::size_t child = at + 1; child < node.end; child = nodes_[child].end) {
    const bool fits = matches(child, tags);
    if (node.op == Op::none) return !fits;
    if (fits == (node.op == Op::any)) return fits;
  }
  return node.op == Op::all;
}

bool TagsFilter::leaf_matches(const Node& leaf, const TagList& tags) const {
  const auto tag = std::ranges::find(tags, view(leaf.key), [](const auto& t) { return std::string_view(t.first); });
  const bool there = tag != tags.end();
  const std::string_view is = there ? std::string_view(tag->second) : std::string_view();
  const auto value = [&](std::size_t i) { return view(values_[leaf.values + i]); };
  const auto listed = [&] {
    for (std::size_t i = 0; i < leaf.value_count; ++i) {
      if (value(i) == is) return true;
    }
    return false;
  };
  const auto order = [&]() -> std::optional<int> { return there ? compare_decimals(is, value(0)) : std::nullopt; };
  std::optional<int> ordered;
  switch (leaf.compare) {
    case Compare::eq: return there && is == value(0);
    case Compare::neq: return !there || is != value(0);
    case Compare::in: return listed();
    case Compare::nin: return !listed();
    case Compare::ex: return there;
    case Compare::nex: return !there;
    case Compare::sw: return there && is.starts_with(value(0));
    case Compare::ew: return there && is.ends_with(value(0));
    case Compare::ct: return there && contains(is, value(0));
    case Compare::lt: return (ordered = order()) && *ordered < 0;
    case Compare::lte: return (ordered = order()) && *ordered <= 0;
    case Compare::gt: return (ordered = order()) && *ordered > 0;
    case Compare::gte: return (ordered = order()) && *ordered >= 0;
  }
  return false;
}

}  // namespace gatecast::protocol
