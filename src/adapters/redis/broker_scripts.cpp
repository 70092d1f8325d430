#include "adapters/redis/broker_scripts.hpp"

namespace gatecast::redis {
namespace {

/// Integers as texts: a Lua number prints no more than 14 digits by itself.
constexpr std::string_view kNumbers = R"lua(
local function whole(n) return string.format('%.0f', n) end
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
)lua";

/// load: epoch, newest offset, forks, history time, version, its epoch, and whether this call found a fork. A stream
/// whose meta is gone begins anew.
constexpr std::string_view kLoad = R"lua(
local function load(meta, stream, base)
  local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
  local m = redis.call('HMGET', meta, 'b', 'r', 'e', 'o', 'c', 'h', 'v', 'w')
  if m[1] and m[2] == id then return m[3], tonumber(m[4]), m[5] or '', tonumber(m[6] or 0), m[7], m[8], false end
  local root = m[1] or base
  local epoch = whole(tonumber(string.sub(redis.sha1hex(root .. id), 1, 11), 16))
  if not m[1] then
    redis.call('DEL', stream)
    redis.call('DEL', meta)
    redis.call('HSET', meta, 'b', root, 'r', id, 'e', epoch, 'o', '0')
    return epoch, 0, '', 0, false, false, false
  end
  local forks = (m[5] or '') .. m[3] .. ':' .. m[4] .. ' '
  local _, count = string.gsub(forks, ' ', ' ')
  if count > 8 then forks = string.gsub(forks, '^%S+ ', '') end
  redis.call('HSET', meta, 'r', id, 'e', epoch, 'c', forks)
  return epoch, tonumber(m[4]), forks, tonumber(m[6] or 0), m[7], m[8], true
end
)lua";

constexpr std::string_view kPublish = R"lua(
if KEYS[3] then
  local place = redis.call('GET', KEYS[3])
  if place then return place end
end
local epoch, top, _, _, version, of, forked = load(KEYS[1], KEYS[2], ARGV[1])
local passed = ARGV[4] ~= '0' and version and (ARGV[5] == '0' or ARGV[5] == of) and not above(ARGV[4], version)
if not passed then
  top = top + 1
  if ARGV[4] == '0' then
    redis.call('HSET', KEYS[1], 'o', whole(top), 'h', ARGV[3])
  else
    redis.call('HSET', KEYS[1], 'o', whole(top), 'h', ARGV[3], 'v', ARGV[4], 'w', ARGV[5])
  end
  redis.call('EXPIRE', KEYS[1], 2592000)
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[2], whole(top) .. '-0', 't', whole(now_ms()), 'd', ARGV[9])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local place = whole(top) .. ':' .. epoch
if KEYS[3] then redis.call('SET', KEYS[3], place, 'PX', ARGV[10]) end
if not passed then redis.call(ARGV[6], ARGV[7], place .. ':' .. ARGV[8] .. ARGV[9]) end
if forked then return place .. ':f' end
return place
)lua";

constexpr std::string_view kPublishOnce = R"lua(
if not redis.call('SET', KEYS[1], '0:0', 'NX', 'PX', ARGV[4]) then return '0:0' end
redis.call(ARGV[1], ARGV[2], ARGV[3])
return '0:0'
)lua";

/// first_young: the oldest offset whose time has not run out; those before it are removed. Offsets have no holes, so
/// it is found by halving.
constexpr std::string_view kRead = R"lua(
local function first_young(stream, top, keep)
  local head = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not head then return top + 1 end
  local now = now_ms()
  local low = tonumber(string.match(head[1], '^(%d+)'))
  if now - tonumber(head[2][2]) < keep then return low end
  local high = top + 1
  low = low + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local id = whole(middle) .. '-0'
    local at = redis.call('XRANGE', stream, id, id)[1]
    if at and now - tonumber(at[2][2]) < keep then high = middle else low = middle + 1 end
  end
  if high > top then redis.call('DEL', stream) else redis.call('XTRIM', stream, 'MINID', '=', whole(high) .. '-0') end
  return high
end

local epoch, top, forks, keep, _, _, forked = load(KEYS[1], KEYS[2], ARGV[1])
local kept_for = tonumber(ARGV[2])
if redis.call('TTL', KEYS[1]) < kept_for - kept_for / 30 then redis.call('EXPIRE', KEYS[1], kept_for) end
local out = {'ok', whole(top), epoch, forked and '1' or '0'}
local asked, since, what = ARGV[3], tonumber(ARGV[4]), ARGV[5]
if asked ~= '-' and asked ~= '*' and asked ~= epoch then
  local fork
  for former, offset in string.gmatch(forks, '(%d+):(%d+)') do
    if former == asked then fork = tonumber(offset) end
  end
  if not fork or since > fork then
    out[1] = 'unknown'
    return out
  end
end
if what == 'p' or (what == 'c' and since == top) then return out end
local first = first_young(KEYS[2], top, keep)
if what == 'c' and (since + 1 < first or since > top) then
  out[1] = 'lost'
  return out
end
local left, room, piece = tonumber(ARGV[6]), tonumber(ARGV[7]), 8
local from, to = first, top
if what == 'r' then
  if asked ~= '-' and since <= top then to = since - 1 end
elseif asked ~= '-' and since + 1 > first then
  from = since + 1
end
while left > 0 and room > 0 and from <= to do
  local entries
  local count = whole(math.min(piece, left))
  if what == 'r' then
    entries = redis.call('XREVRANGE', KEYS[2], whole(to) .. '-0', whole(from) .. '-0', 'COUNT', count)
  else
    entries = redis.call('XRANGE', KEYS[2], whole(from) .. '-0', whole(to) .. '-0', 'COUNT', count)
  end
  if #entries == 0 then break end
  local before = room
  for _, entry in ipairs(entries) do
    local offset = string.match(entry[1], '^(%d+)')
    out[#out + 1] = offset
    out[#out + 1] = entry[2][4]
    left = left - 1
    room = room - #entry[2][4]
    if what == 'r' then to = tonumber(offset) - 1 else from = tonumber(offset) + 1 end
    if room <= 0 then break end
  end
  if before - room < 65536 then piece = piece * 2 end
end
return out
)lua";

/// forget: an entry that is removed or replaced counts no more.
constexpr std::string_view kEntries = R"lua(
local function user_of(entry)
  local size, at = string.match(entry, '^(%d+):()', 14)
  return string.sub(entry, at, at + tonumber(size) - 1)
end
local function forget(entry, nodes, users)
  local node = string.sub(entry, 1, 12)
  if redis.call('HINCRBY', nodes, node, -1) <= 0 then redis.call('HDEL', nodes, node) end
  if users then
    local user = user_of(entry)
    if redis.call('HINCRBY', users, user, -1) <= 0 then redis.call('HDEL', users, user) end
  end
end
)lua";

constexpr std::string_view kEnter = R"lua(
for i = 7, #ARGV, 3 do
  local client, entry, join = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local old = redis.call('HGET', KEYS[1], client)
  if old ~= entry then
    if old then forget(old, KEYS[2], KEYS[4]) end
    redis.call('HSET', KEYS[1], client, entry)
    redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
    if KEYS[4] then redis.call('HINCRBY', KEYS[4], user_of(entry), 1) end
  end
  if join ~= '' and (ARGV[3] == 'n' or (ARGV[3] == 'l' and not old)) then
    redis.call(ARGV[4], ARGV[5], '0:0:' .. ARGV[6] .. join)
  end
end
redis.call('SADD', KEYS[3], ARGV[2])
return whole((#ARGV - 6) / 3)
)lua";

constexpr std::string_view kLeave = R"lua(
local old = redis.call('HGET', KEYS[1], ARGV[7])
if old then
  redis.call('HDEL', KEYS[1], ARGV[7])
  forget(old, KEYS[2], KEYS[4])
  if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then redis.call('SREM', KEYS[3], ARGV[2]) end
end
if ARGV[8] ~= '' and (old or ARGV[3] == 'n') then redis.call(ARGV[4], ARGV[5], '0:0:' .. ARGV[6] .. ARGV[8]) end
return old and '1' or '0'
)lua";

constexpr std::string_view kReap = R"lua(
local page = redis.call('HSCAN', KEYS[1], ARGV[3], 'COUNT', ARGV[4])
local told = 0
for i = 1, #page[2], 2 do
  local client, entry = page[2][i], page[2][i + 1]
  if string.sub(entry, 1, 12) == ARGV[1] then
    redis.call('HDEL', KEYS[1], client)
    forget(entry, KEYS[2], KEYS[4])
    if string.sub(entry, 13, 13) == 't' then
      local size, at = string.match(entry, '^(%d+):()', 14)
      redis.call(ARGV[5], ARGV[6], '0:0:' .. ARGV[7] .. string.sub(entry, at + tonumber(size)))
      told = told + 1
    end
  end
end
if page[1] == '0' or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('SREM', KEYS[3], ARGV[2])
  return {'0', whole(told)}
end
return {page[1], whole(told)}
)lua";

constexpr std::string_view kCount = R"lua(
local out = redis.call('HKEYS', KEYS[2])
table.insert(out, 1, whole(redis.call('HLEN', KEYS[3])))
table.insert(out, 1, whole(redis.call('HLEN', KEYS[1])))
return out
)lua";

constexpr std::string_view kHeartbeat = R"lua(
local now, lease = now_ms(), tonumber(ARGV[2])
local birth = redis.call('GET', KEYS[3])
if not birth then
  birth = ARGV[3]
  redis.call('SET', KEYS[3], birth)
end
local job = ARGV[6]
if job ~= '' then
  if ARGV[7] == '1' then
    redis.call('ZREM', KEYS[2], job)
    job = ''
  else
    redis.call('ZADD', KEYS[2], 'XX', whole(now + lease), job)
  end
end
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known or ARGV[4] == '1' then redis.call('ZADD', KEYS[1], whole(now), ARGV[1]) end
if ARGV[5] == '1' then
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now - lease), 'LIMIT', 0, 16)) do
    redis.call('ZREM', KEYS[1], gone)
    redis.call('ZADD', KEYS[2], 0, gone)
  end
  if job == '' then
    job = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', whole(now), 'LIMIT', 0, 1)[1] or ''
    if job ~= '' then redis.call('ZADD', KEYS[2], whole(now + lease), job) end
  end
end
local out = redis.call('ZRANGE', KEYS[2], 0, 255)
table.insert(out, 1, job)
table.insert(out, 1, known and '1' or '0')
table.insert(out, 1, birth)
return out
)lua";

std::string join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const auto part : parts) all += part;
  return all;
}

}  // namespace

const BrokerScript& publish_script() {
  static const BrokerScript script{"publish", Script(join({kNumbers, kLoad, kPublish}))};
  return script;
}
const BrokerScript& publish_once_script() {
  static const BrokerScript script{"publish_once", Script(kPublishOnce)};
  return script;
}
const BrokerScript& read_script() {
  static const BrokerScript script{"read", Script(join({kNumbers, kLoad, kRead}))};
  return script;
}
const BrokerScript& enter_script() {
  static const BrokerScript script{"enter", Script(join({kNumbers, kEntries, kEnter}))};
  return script;
}
const BrokerScript& leave_script() {
  static const BrokerScript script{"leave", Script(join({kEntries, kLeave}))};
  return script;
}
const BrokerScript& reap_script() {
  static const BrokerScript script{"reap", Script(join({kNumbers, kEntries, kReap}))};
  return script;
}
const BrokerScript& count_script() {
  static const BrokerScript script{"count", Script(join({kNumbers, kCount}))};
  return script;
}
const BrokerScript& heartbeat_script() {
  static const BrokerScript script{"heartbeat", Script(join({kNumbers, kHeartbeat}))};
  return script;
}

}  // namespace gatecast::redis
