// What the broker does in Redis in one step each, as Lua.
//
// A stream's meta is a hash: b base (random, of the stream's birth), r replication id of the server that wrote it last,
// e epoch (of base and replication id), o newest offset, h history time in ms, v and w newest version and its epoch,
// c "epoch:offset " of the newest eight forks. A stream's entry is "offset-0": t time in ms, d publication text. Where
// a script finds that another server has written last, the former epoch counts up to the offset at which this one took
// over. An entry of presence is
//
//   incarnation (12) ‖ t or - (told) ‖ length : user ‖ publication text of its leave
//
// Replies are texts and lists of texts; numbers are decimal. Threads: any (immutable). Bounds: what a read gives, by
// its arguments; presence by pages.
#pragma once

#include "adapters/redis/client.hpp"

namespace gatecast::redis {

struct BrokerScript {
  std::string_view name;  // for the log
  Script script;
};

/// Keys: meta, stream, and the idempotency key's where there is one. Arguments: base, size, time in ms, version, its
/// epoch, verb, topic, mark, text, ms for which the idempotency key is known. "offset:epoch", and ":f" at a fork.
const BrokerScript& publish_script();

/// Without a history. Keys: the idempotency key's. Arguments: verb, topic, payload, ms.
const BrokerScript& publish_once_script();

/// Keys: meta, stream. Arguments: base, seconds for which the position is kept, epoch (`*` any, `-` no position),
/// offset, what (`p` position, `f` forward, `r` reverse, `c` forward without a hole behind the position), entries,
/// bytes. A list: `ok`, `unknown` (epoch) or `lost`; offset; epoch; whether a fork was found; then offset and text of
/// each.
const BrokerScript& read_script();

/// Keys: present, nodes, the incarnation's channels, and users where listed. Arguments: incarnation, channel in the
/// index, how (`n` new, `l` again: who is not there is told of, `q` again, nobody is told), verb, topic, mark; then
/// client, entry and text of the join (empty: not told) of each. Their number.
const BrokerScript& enter_script();

/// Keys: as enter's. Arguments: incarnation, channel in the index, how (`n`, `l` again: told of where it was there),
/// verb, topic, mark, client, text of the leave (empty: not told).
const BrokerScript& leave_script();

/// A page of what a dead incarnation left in a channel. Keys: as enter's. Arguments: incarnation, channel in the index,
/// cursor, entries, verb, topic, mark. A list: the next cursor (0: done), leaves told.
const BrokerScript& reap_script();

/// Keys: present, nodes, users. A list: clients, users, then incarnations.
const BrokerScript& count_script();

/// Keys: the living, the dead, the registry's birth. Arguments: incarnation, lease in ms, a birth where there is none,
/// `1` to enter, `1` where dead ones may be claimed, the dead one being worked on (or empty), `1` where that is done.
/// A list: birth, `1` where the incarnation was known, the dead one to work on, then all dead.
const BrokerScript& heartbeat_script();

}  // namespace gatecast::redis
