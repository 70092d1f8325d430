// The table of checks: one row says everything about one, and docs/doctor.md is made of it.
//
// Place: included by checks.hpp alone. Constant; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatecast::server {

/// Where a check looks; the order of docs/doctor.md.
enum class CheckGroup : std::uint8_t { configuration, keys, machine, store, running, network, proxy, live };

struct CheckRow {
  std::string_view id;
  CheckGroup group;
  std::string_view means;  // what a bad outcome means
  std::string_view cure;   // where the judge has none that fits better
};

inline constexpr CheckRow kChecks[] = {
    // configuration
    {"config.file", CheckGroup::configuration, "The configuration cannot be read.",
     "Name the server's configuration file: gatecast doctor --config FILE"},
    {"config.value", CheckGroup::configuration, "A value is refused or doubtful; the server may not start with it.",
     "gatecast config check --config FILE shows every value and where it came from."},
    {"secrets.token", CheckGroup::configuration,
     "A token key is missing, default, a placeholder, quoted, with stray white space, or too short.",
     "Make a good one: openssl rand -base64 48, or gatecast keys new --out token-key.pem"},
    {"secrets.session", CheckGroup::configuration, "The same of a session key, or it is the key of something else too.",
     "Make another: openssl rand -base64 48"},
    {"secrets.api", CheckGroup::configuration, "The same of a key of the server API or an operator's token.",
     "gatecast apikey new NAME makes a key and prints the lines for the configuration."},
    {"secrets.other", CheckGroup::configuration,
     "The same of a webhook's, hook's or bot's secret, or that of a trusted issuer.",
     "Make another: openssl rand -base64 48"},
    {"http.origins", CheckGroup::configuration,
     "Browsers on these pages cannot use the server, or pages without TLS can.",
     "Write scheme and host as the address bar has them, without a path or slash at the end: \"https://app.example\"."},
    {"ops.exposure", CheckGroup::configuration, "The operators' port is open to the network.",
     "Listen on 127.0.0.1, or keep others out with a firewall."},
    {"mode.dev", CheckGroup::configuration, "What is for developing alone is on.",
     "Start without --dev before anyone else can reach the server."},
    {"mode.pages", CheckGroup::configuration, "The pages for trying out are public.",
     "Set pages.enabled = false where only your application should be seen."},
    {"compat.env", CheckGroup::configuration, "The application's variables contradict the configuration.",
     "Let both have the same value, or remove one of the two."},
    {"telegram.bot", CheckGroup::configuration, "A bot's token has not the form of one, or is another bot's.",
     "Copy id and token from BotFather's page of the bot: the token begins with the id."},
    // keys
    {"keys.signing", CheckGroup::keys, "No token key can sign.",
     "gatecast keys new --config FILE, then gatecast keys activate KID"},
    {"keys.next", CheckGroup::keys, "Token keys that wait, leave or have left.", "gatecast keys list shows them."},
    {"keys.use_until", CheckGroup::keys, "A key's time ends soon or has ended.",
     "Put a new key before it, and remove the old one when its time is over."},
    {"tls.certificate", CheckGroup::keys, "A port's certificate or key cannot be used, or ends soon.",
     "Renew it, then gatecast reload; the pair must match and be readable by the server's user."},
    // machine
    {"data.folder", CheckGroup::machine, "The data folder cannot be written, or others may read it.",
     "Make it writable for the server's user alone: chown USER DIR && chmod 700 DIR"},
    {"data.system", CheckGroup::machine, "The data folder's file system loses data or locks.",
     "Put data.dir on a local disk that survives a restart."},
    {"data.space", CheckGroup::machine, "The disk is nearly full: without room nobody signs in.",
     "Make room, or move data.dir; log.retention_days and audit.retention bound what is kept."},
    {"data.lock", CheckGroup::machine, "A process holds the data folder and does not answer.",
     "Look at it: ps -p PID; end it before another server can start."},
    {"log.folder", CheckGroup::machine, "Log files cannot be written.",
     "Make log.dir writable for the server's user, or set log.dir = \"\" to log to standard output alone."},
    {"port.public", CheckGroup::machine, "Another program listens at http.address.",
     "Stop it (ss -ltnp shows it), or choose another port in http.address."},
    {"port.ops", CheckGroup::machine, "Another program listens at ops.address.",
     "Stop it (ss -ltnp shows it), or choose another port in ops.address."},
    {"limits.descriptors", CheckGroup::machine, "Fewer file descriptors than connections are allowed.",
     "Raise it: LimitNOFILE= in the unit, ulimits in the container; or lower limits.connections."},
    {"limits.memory", CheckGroup::machine, "The bounds of queues, logs and histories do not fit into memory.",
     "Lower limits.history_bytes_shard, limits.queued_bytes_shard or realtime.shards, or give it more memory."},
    {"clock.wall", CheckGroup::machine, "The clock is wrong or jumps: tokens and proofs are judged by it.",
     "Keep it right: timedatectl set-ntp true"},
    // store
    {"store.open", CheckGroup::store, "The database cannot be read.",
     "Check its path (store.url) and that the server's user may read it; else gatecast restore BACKUP"},
    {"store.schema", CheckGroup::store, "The database is of another program, or of a newer version of this one.",
     "Run the version that wrote it, or restore a backup of this version's."},
    {"store.integrity", CheckGroup::store, "The database is damaged.",
     "Stop the server, keep a copy of the file, then: gatecast restore BACKUP"},
    {"store.backup", CheckGroup::store, "No recent backup by this program is known.",
     "gatecast backup /var/backups/gatecast-$(date +%F).db, each day by a timer"},
    // running
    {"server.running", CheckGroup::running, "No server answers on this data folder.",
     "Start it: gatecast serve --config FILE"},
    {"store.answers", CheckGroup::running, "The store of the running server does not answer: nobody signs in.",
     "Look for store_failed in the log; free space and the disk's health first."},
    {"revocation.fresh", CheckGroup::running, "The control log cannot be read: each token is asked of the store.",
     "Look for store_failed in the log."},
    {"clock.steps", CheckGroup::running, "The wall clock was set while the server ran.",
     "Keep it right by slewing: chrony or systemd-timesyncd, without steps."},
    {"log.dropped", CheckGroup::running, "Lines of the log were lost because they came too fast.",
     "Raise log.level, or put log.dir on a faster disk."},
    {"limits.connections", CheckGroup::running, "The server is nearly full.",
     "Raise limits.connections (and the descriptors), or run it with more shards."},
    {"webhook.lag", CheckGroup::running, "A webhook has not taken events for a while; they are kept for it.",
     "Look for webhook in the log: its receiver must answer 2xx within 5 seconds."},
    {"trusted.age", CheckGroup::running, "The keys of a trusted issuer have not been fetched for long.",
     "Look for jwks_failed in the log; after 24 hours its tokens are refused."},
    {"proxy.untrusted", CheckGroup::running,
     "Requests come through a proxy that is not trusted: all its clients count as one address.",
     "Add its address to http.trusted_proxies."},
    // network
    {"clock.skew", CheckGroup::network, "This clock and that of another server differ.",
     "Keep it right: timedatectl set-ntp true"},
    {"trusted.keys", CheckGroup::network, "The keys of a trusted issuer cannot be fetched or used.",
     "Open jwks_url from this machine: it must answer 200 with {\"keys\":[…]}."},
    {"telegram.online", CheckGroup::network, "Telegram does not know the bot's token.",
     "Take the token anew from BotFather: /token"},
    {"ethereum.rpc", CheckGroup::network, "The chain's node does not answer, or is of another chain.",
     "Check signin.ethereum.rpc_url and rpc_chain: curl -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"}' "
     "URL"},
    {"webhook.url", CheckGroup::network, "A webhook's receiver cannot be reached.",
     "Open its url from this machine; name, port and certificate must be right."},
    {"hook.url", CheckGroup::network, "The registration hook cannot be reached: nobody new can sign in.",
     "Open signin.hook_url from this machine; name, port and certificate must be right."},
    // proxy
    {"proxy.reach", CheckGroup::proxy, "Nothing answers at the URL.",
     "Check name and port, that the proxy runs, and that it reaches http.address."},
    {"proxy.tls", CheckGroup::proxy, "The certificate at the URL is not good.",
     "Renew it, or let the proxy send the whole chain."},
    {"proxy.other", CheckGroup::proxy, "What answers at the URL is not gatecast.",
     "Point the proxy at http.address: proxy_pass http://127.0.0.1:3002;"},
    {"proxy.path", CheckGroup::proxy, "The proxy changes the path.",
     "Let the path pass as it is (proxy_pass without a path after the port), and set http.base_path to the prefix."},
    {"proxy.authorization", CheckGroup::proxy, "The proxy drops Authorization: every call is anonymous.",
     "nginx: remove proxy_set_header Authorization and auth_basic; Apache: CGIPassAuth On"},
    {"proxy.upgrade", CheckGroup::proxy, "The proxy does not pass on the upgrade to WebSocket.",
     "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";"},
    {"proxy.query", CheckGroup::proxy, "The proxy drops the query: ?token= does not arrive.",
     "nginx: proxy_pass without a path or variable; in a rewrite append $is_args$args."},
    {"proxy.trusted", CheckGroup::proxy,
     "The server takes the proxy for the client: limits and logs hit everyone at once.",
     "Name the proxy's address in http.trusted_proxies; in nginx: proxy_set_header X-Forwarded-For $remote_addr;"},
    {"proxy.idle", CheckGroup::proxy, "The proxy holds back messages, or cuts sockets before the next ping.",
     "nginx: proxy_read_timeout 120s; proxy_buffering off; or set realtime.ping below the proxy's time-out."},
    {"proxy.domain", CheckGroup::proxy, "The URL's host is not one that wallets may sign for.",
     "Add it to signin.solana.domain and signin.ethereum.domain."},
    // live
    {"live.sign_in", CheckGroup::live, "A throw-away user could not sign in.", "See the code in docs/codes.md."},
    {"live.connect", CheckGroup::live, "Its connection was refused.", "See the code in docs/codes.md."},
    {"live.subscribe", CheckGroup::live, "It could not subscribe.", "Check the [[namespace]] named."},
    {"live.publish", CheckGroup::live, "It could not publish.", "Check the [[namespace]] named."},
    {"live.receive", CheckGroup::live, "The message did not come back.", "Look for overloaded and mailbox_full."},
    {"live.end", CheckGroup::live, "Its session could not be ended.", "See the code in docs/codes.md."},
    {"live.close", CheckGroup::live, "The socket of the ended session was not closed with 4501.",
     "Until it works, an ended session may go on: restart the server and report this."},
    {"live.cleanup", CheckGroup::live, "The throw-away user is still there.", "gatecast user delete ID"},
};

}  // namespace gatecast::server
