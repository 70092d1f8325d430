#include "protocol/json_decoder.hpp"

#include <array>
#include <limits>

#include "protocol/json_scan.hpp"

namespace gatecast::protocol {

namespace {

constexpr std::uint32_t bit(Method method) { return 1U << static_cast<unsigned>(method); }

// Scopes of members: a method's arguments, and objects within them.
constexpr std::uint32_t kSince = 1U << kMethodCount;
constexpr std::uint32_t kConnectSub = 1U << (kMethodCount + 1);

constexpr std::uint32_t kNeedsChannel = bit(Method::subscribe) | bit(Method::unsubscribe) | bit(Method::publish) |
                                        bit(Method::presence) | bit(Method::presence_stats) | bit(Method::history) |
                                        bit(Method::sub_refresh);

/// In the order in which a command that sets several is taken; the order of the enum.
constexpr std::array<std::string_view, kMethodCount> kMethodNames = {
    "",        "connect", "subscribe", "unsubscribe", "publish",    "presence", "presence_stats",
    "history", "rpc",     "send",      "refresh",     "sub_refresh"};

Method method_of(const JsonScan::Text& name) {
  for (std::size_t i = 1; i < kMethodCount; ++i) {
    if (text_equals(name, kMethodNames[i])) return static_cast<Method>(i);
  }
  return Method::none;
}

/// White space that delimits nothing.
void skip_blanks(JsonScan& scan) {
  while (scan.take(' ') || scan.take('\t') || scan.take('\r')) {
  }
}

}  // namespace

std::string_view method_name(Method method) { return kMethodNames[static_cast<std::size_t>(method)]; }

enum class JsonDecoder::Field : std::uint8_t {
  channel,
  token,
  data,
  name,
  version,
  headers,
  subs,
  recover,
  positioned,
  recoverable,
  join_leave,
  delta,
  tf,
  type,
  flag,
  offset,
  epoch,
  since,
  reverse,
  limit,
  rpc_method,
};

/// A member that means something in those scopes; every other member is skipped.
struct JsonDecoder::FieldRule {
  std::string_view name;
  Field field;
  std::uint32_t scopes;
};

bool JsonDecoder::refuse(const char* problem) {
  if (problem_ == nullptr) problem_ = problem;
  return false;
}

Result<void> JsonDecoder::start(std::string_view frame) {
  rest_ = frame;
  frame_bytes_ = frame.size();
  count_ = 0;
  scratch_.clear();
  problem_ = nullptr;
  if (!is_utf8(frame)) {
    rest_ = {};
    return fail(Errc::bad_command, "frame is not UTF-8");
  }
  return {};
}

void JsonDecoder::go_on(std::string_view rest, std::size_t count) {
  rest_ = rest;
  frame_bytes_ = rest.size();
  count_ = count;
  scratch_.clear();
  problem_ = nullptr;
}

Result<bool> JsonDecoder::next(Command& command) {
  if (rest_.empty() && count_ > 0) return false;
  JsonScan scan(rest_);
  skip_blanks(scan);
  bool good = count_ < max_commands_ || refuse("too many commands in a frame");
  good = good && read_command(scan, command);
  if (good) {
    // The delimiter: the end, or one line feed with the next command or the end behind it.
    skip_blanks(scan);
    good = scan.at_end() || scan.take('\n') || refuse("no line feed after a command");
  }
  if (!good) {
    rest_ = {};
    ++count_;
    return fail(Errc::bad_command,
                fmt::format("command {}: {}", count_, problem_ != nullptr ? problem_ : "malformed JSON"));
  }
  rest_ = scan.rest();
  ++count_;
  return true;
}

bool JsonDecoder::read_command(JsonScan& scan, Command& command) {
  command = Command{};
  const char* begin = scan.position();
  if (scan.peek() != '{') return refuse("not an object");
  bool id_seen = false;
  std::uint32_t methods_seen = 0;
  const bool read = scan.members([&](const JsonScan::Text& name) {
    if (text_equals(name, "id")) {
      if (id_seen) return refuse("id twice");
      id_seen = true;
      if (scan.peek() == 'n') return scan.literal("null");
      std::uint64_t id = 0;
      if (!scan.unsigned_integer(std::numeric_limits<std::uint32_t>::max(), id)) return refuse("id is no uint32");
      command.id = static_cast<std::uint32_t>(id);
      return true;
    }
    std::string_view skipped;
    const Method method = method_of(name);
    if (method == Method::none) return scan.value(skipped);
    if ((methods_seen & bit(method)) != 0) return refuse("a method twice");
    methods_seen |= bit(method);
    if (scan.peek() == 'n') return scan.literal("null");  // as if it were not there
    if (scan.peek() != '{') return refuse("arguments are no object");
    if (command.method != Method::none && command.method < method) return scan.value(skipped);
    const std::uint32_t id = command.id;
    command = Command{.id = id, .method = method};
    return read_members(scan, bit(method), command);
  });
  if (!read) return false;
  command.source = {begin, static_cast<std::size_t>(scan.position() - begin)};
  if (command.id == 0 && command.method != Method::send) {
    command = Command{.source = command.source};
    return true;
  }
  return check_arguments(command);
}

bool JsonDecoder::check_arguments(const Command& command) {
  if (command.method == Method::none) return refuse("no known method");
  if ((kNeedsChannel & bit(command.method)) != 0 && command.channel.empty()) return refuse("no channel");
  if (command.method == Method::refresh && command.token.empty()) return refuse("no token");
  return true;
}

bool JsonDecoder::read_members(JsonScan& scan, std::uint32_t scope, Command& command) {
  static constexpr std::uint32_t kSubscribe = bit(Method::subscribe);
  static constexpr std::uint32_t kPositions = kSubscribe | kConnectSub | kSince;
  static constexpr std::array kRules = {
      FieldRule{"channel", Field::channel, kNeedsChannel},
      FieldRule{"data", Field::data,
                bit(Method::connect) | kSubscribe | bit(Method::publish) | bit(Method::rpc) | bit(Method::send)},
      FieldRule{"token", Field::token,
                bit(Method::connect) | kSubscribe | bit(Method::refresh) | bit(Method::sub_refresh)},
      FieldRule{"recover", Field::recover, kSubscribe | kConnectSub},
      FieldRule{"offset", Field::offset, kPositions},
      FieldRule{"epoch", Field::epoch, kPositions},
      FieldRule{"positioned", Field::positioned, kSubscribe},
      FieldRule{"recoverable", Field::recoverable, kSubscribe},
      FieldRule{"join_leave", Field::join_leave, kSubscribe},
      FieldRule{"delta", Field::delta, kSubscribe | kConnectSub},
      FieldRule{"flag", Field::flag, kSubscribe | bit(Method::connect)},
      FieldRule{"tf", Field::tf, kSubscribe},
      FieldRule{"type", Field::type, kSubscribe | bit(Method::publish)},
      FieldRule{"name", Field::name, bit(Method::connect)},
      FieldRule{"version", Field::version, bit(Method::connect)},
      FieldRule{"headers", Field::headers, bit(Method::connect)},
      FieldRule{"subs", Field::subs, bit(Method::connect)},
      FieldRule{"method", Field::rpc_method, bit(Method::rpc)},
      FieldRule{"since", Field::since, bit(Method::history)},
      FieldRule{"reverse", Field::reverse, bit(Method::history)},
      FieldRule{"limit", Field::limit, bit(Method::history)},
  };
  std::uint32_t seen = 0;
  static_assert(kRules.size() <= 32);
  return scan.members([&](const JsonScan::Text& name) {
    for (const FieldRule& rule : kRules) {
      if ((rule.scopes & scope) == 0 || !text_equals(name, rule.name)) continue;
      const std::uint32_t mark = 1U << static_cast<unsigned>(rule.field);
      // Which of two would win differs between parsers; nobody sends two but to make use of that.
      if ((seen & mark) != 0) return refuse("a member twice");
      seen |= mark;
      return read_field(scan, rule.field, command);
    }
    std::string_view skipped;
    return scan.value(skipped);
  });
}

bool JsonDecoder::read_field(JsonScan& scan, Field field, Command& command) {
  if (field == Field::data) return scan.value(command.data);
  if (scan.peek() == 'n') return scan.literal("null");  // as if it were not there
  const auto flag = [&](bool& out) {
    out = scan.peek() == 't';
    return scan.literal(out ? "true" : "false") || refuse("a flag is no boolean");
  };
  const auto int32 = [&](std::int32_t& out) {
    std::int64_t wide = 0;
    using Limits = std::numeric_limits<std::int32_t>;
    if (!scan.signed_integer(Limits::min(), Limits::max(), wide)) return refuse("a number is no int32");
    out = static_cast<std::int32_t>(wide);
    return true;
  };
  const auto object = [&](std::string_view& out) {
    return (scan.peek() == '{' || refuse("a member is no object")) && scan.value(out);
  };
  switch (field) {
    case Field::channel: return read_text(scan, command.channel);
    case Field::token: return read_text(scan, command.token);
    case Field::name: return read_text(scan, command.name);
    case Field::version: return read_text(scan, command.version);
    case Field::epoch: return read_text(scan, command.epoch);
    case Field::rpc_method: return read_text(scan, command.rpc_method);
    case Field::delta:
      if (!read_text(scan, command.delta)) return false;
      return command.delta.empty() || command.delta == "fossil" || refuse("unknown delta");
    case Field::headers: return object(command.headers);
    case Field::tf: return object(command.tf);
    case Field::subs: return read_subs(scan, command);
    case Field::recover: return flag(command.recover);
    case Field::positioned: return flag(command.positioned);
    case Field::recoverable: return flag(command.recoverable);
    case Field::join_leave: return flag(command.join_leave);
    case Field::reverse: return flag(command.reverse);
    case Field::type: return int32(command.type);
    case Field::limit: return int32(command.limit);
    case Field::flag: {
      using Limits = std::numeric_limits<std::int64_t>;
      return scan.signed_integer(Limits::min(), Limits::max(), command.flag) || refuse("flag is no int64");
    }
    case Field::offset:
      return scan.unsigned_integer(std::numeric_limits<std::uint64_t>::max(), command.offset) ||
             refuse("offset is no uint64");
    case Field::since:
      command.has_since = true;
      return (scan.peek() == '{' || refuse("since is no object")) && read_members(scan, kSince, command);
    case Field::data: break;
  }
  return false;
}

bool JsonDecoder::read_text(JsonScan& scan, std::string_view& out) {
  if (scan.peek() != '"') return refuse("a text is no string");
  JsonScan::Text text;
  if (!scan.string(text)) return false;
  // A text never grows by unescaping, so what is reserved once suffices for the frame and no view is moved.
  if (text.escaped) scratch_.reserve(frame_bytes_);
  const auto plain = unescape(text, scratch_);
  if (!plain) return refuse("a text has an unpaired surrogate");
  out = *plain;
  return true;
}

bool JsonDecoder::read_subs(JsonScan& scan, Command& command) {
  if (scan.peek() != '{') return refuse("subs is no object");
  subs_.clear();
  const bool read = scan.members([&](const JsonScan::Text& name) {
    if (text_equals(name, "")) return refuse("a sub without a channel");
    if (name.escaped) scratch_.reserve(frame_bytes_);
    const auto channel = unescape(name, scratch_);
    if (!channel) return refuse("a channel has an unpaired surrogate");
    Command sub;
    if (scan.peek() == 'n') {
      if (!scan.literal("null")) return false;
    } else if (scan.peek() != '{') {
      return refuse("a sub is no object");
    } else if (!read_members(scan, kConnectSub, sub)) {
      return false;
    }
    subs_.push_back({*channel, sub.recover, sub.offset, sub.epoch, sub.delta});
    return true;
  });
  command.subs = subs_;
  return read;
}

}  // namespace gatecast::protocol
