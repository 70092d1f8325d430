#include "server/config/table.hpp"

namespace gatecast::server {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kMaxCount = 1'000'000'000;

#define AT(member) [](Config& c, [[maybe_unused]] std::size_t i) -> Slot { return &c.member; }

constexpr Row kRows[] = {
    {"http.address", AT(http.address), "Where clients connect: an IP address and a port."},
    {"http.base_path", AT(http.base_path), "Prefix of every public path, where a proxy does not remove it: \"/app\"."},
    {"http.allowed_origins", AT(http.allowed_origins),
     "Origins of the pages that may call and connect, as browsers send them: \"https://app.example\"."},
    {"http.trusted_proxies", AT(http.trusted_proxies),
     "Addresses or networks whose X-Forwarded-For is believed: \"10.0.0.0/8\"."},
    {"http.query_token", AT(http.query_token),
     "Whether a connection may bring a token in the query (?token=): any, only a ticket, or none.", "any|ticket|off"},
    {"http.token_cookie", AT(http.token_cookie),
     "Name of a cookie that a connection may bring its token in, from an allowed origin; \"\": none is read."},
    {"http.body_bytes", AT(http.body_bytes), "Largest body of a request.", "", kKiB, 64 * kMiB},
    {"http.header_bytes", AT(http.header_bytes), "Largest request line and headers together.", "", kKiB, kMiB},

    {"http.tls.cert", AT(http.tls.cert),
     "File with the certificate (PEM), then its issuers'; relative to the file that names it; \"\": no TLS."},
    {"http.tls.key", AT(http.tls.key), "File with its private key (PEM)."},

    {"ops.address", AT(ops.address),
     "Operators' port: /metrics, /stats, /healthz, /readyz and the server API. Keep it off the public network."},
    {"ops.tls.cert", AT(ops.tls.cert), "As http.tls.cert, for this port."},
    {"ops.tls.key", AT(ops.tls.key), "File with its private key (PEM)."},

    {"ops.operator.name", AT(ops.operators[i].name), "Who it is; appears in the audit log.", "", 0, 64, true},
    {"ops.operator.sha256", AT(ops.operators[i].sha256),
     "SHA-256 of the operator's token in hex, as `gatecast operator new` prints it.", "", 0, kMaxCount, true},
    {"ops.operator.role", AT(ops.operators[i].role), "What the operator may do: look, or also disconnect and end.",
     "view|act"},
    {"api.body_bytes", AT(api.body_bytes), "Largest body of a request on the operators' port.", "", 64 * kKiB,
     64 * kMiB},
    {"api.key.name", AT(api_keys[i].name), "Who uses the key; appears in the log.", "", 0, 64, true},
    {"api.key.sha256", AT(api_keys[i].sha256), "SHA-256 of the key in hex, as `gatecast apikey new` prints it."},
    {"api.key.secret", AT(api_keys[i].secret), "The key itself, instead of its sha256."},
    {"api.key.use_until", AT(api_keys[i].use_until), "From this moment the key is refused: 2027-01-31T00:00:00Z."},
    {"api.key.scopes", AT(api_keys[i].scopes), "What the key may do.",
     "publish|presence|history|connections|users|sessions|mint|events|doctor|audit|grants|notify|all", 0, kMaxCount,
     true},

    {"data.dir", AT(data.dir), "Folder of the database, the lock and the logs."},
    {"store.url", AT(store.url),
     "The database: sqlite:FILE, where a relative path lies in data.dir, or postgresql://USER:PASSWORD@HOST/DATABASE; "
     "everything lies in its schema gatecast."},
    {"store.connections", AT(store.connections), "Connections to PostgreSQL that this process keeps open.", "", 2, 200},
    {"store.deadline", AT(store.deadline), "Time for one operation of PostgreSQL, waiting for a connection included.",
     "", 100, 60 * kSecond},
    {"store.ca_file", AT(store.ca_file),
     "Authorities (PEM) that may have signed PostgreSQL's certificate; the URL's sslmode says whether it is asked "
     "for."},

    {"broker.url", AT(broker.url),
     "What the nodes share channels through: memory: for one process, or redis://HOST:PORT/DB, rediss://…, "
     "redis+sentinel://HOST:PORT,HOST:PORT/MASTER, redis+cluster://HOST:PORT,HOST:PORT."},
    {"broker.prefix", AT(broker.prefix), "Begins every key and topic, so that several deployments share a server."},
    {"broker.deadline", AT(broker.deadline), "Time for one command of the broker or cache.", "", 50, 60 * kSecond},
    {"broker.durable_wait", AT(broker.durable_wait),
     "Time for a replica to have a publication of a durable namespace; over it the publisher gets "
     "publication_unconfirmed.",
     "", 10, 60 * kSecond},
    {"broker.ca_file", AT(broker.ca_file),
     "Authorities (PEM) beside the system's that may have signed the certificates of broker and cache."},
    {"cache.url", AT(cache.url), "Where rate limits and answers of repeated calls are kept; empty: with the broker."},
    {"node.name", AT(node.name), "Name of this process in logs, console and `info`; empty: the host's.", "", 0, 64},

    {"token.issuer", AT(token.issuer), "`iss` of the access tokens."},
    {"token.audience", AT(token.audience), "`aud` of the access tokens."},
    {"token.algorithm", AT(token.algorithm), "Algorithm of keys that name none.",
     "EdDSA|ES256|RS256|HS256|HS384|HS512"},
    {"token.access_ttl", AT(token.access_ttl), "Life of an access token.", "", 10 * kSecond, 30 * kDay},
    {"token.claims", AT(token.claims),
     "Claims beside the standard ones: a profile, or a table such as {name = \"user.nickname\"}.",
     "default|fonana|unifarm"},
    {"token.key.kid", AT(token.keys[i].kid), "Key id in the token; empty: derived from the key."},
    {"token.key.algorithm", AT(token.keys[i].algorithm), "Empty: token.algorithm.",
     "|EdDSA|ES256|RS256|HS256|HS384|HS512"},
    {"token.key.secret", AT(token.keys[i].secret), "Secret of an HS key, at least 32 bytes."},
    {"token.key.file", AT(token.keys[i].file),
     "File with the key (PEM) or secret; relative to the file that names it. Make one: gatecast keys new --out FILE."},
    {"token.key.secret_encoding", AT(token.keys[i].secret_encoding), "How the secret is written.", "text|base64|hex"},
    {"token.key.use_until", AT(token.keys[i].use_until), "From this moment the key verifies nothing."},
    {"token.key_dir", AT(token.key_dir),
     "Folder of the keys that `gatecast keys new` makes; a relative path lies in data.dir; \"\": none."},
    {"token.trusted.name", AT(token.trusted[i].name), "Short name: a-z, 0-9, - and _; prefix of its users.", "", 0,
     kMaxCount, true},
    {"token.trusted.issuer", AT(token.trusted[i].issuer), "`iss` of its tokens, letter for letter.", "", 0, kMaxCount,
     true},
    {"token.trusted.audience", AT(token.trusted[i].audience), "`aud` its tokens must hold; \"\": not looked at."},
    {"token.trusted.jwks_url", AT(token.trusted[i].jwks_url),
     "Address of its key set: \"https://id.example/jwks.json\"."},
    {"token.trusted.file", AT(token.trusted[i].file),
     "File with its public key (PEM), JWK or JWK set; relative to the file that names it."},
    {"token.trusted.secret", AT(token.trusted[i].secret), "The secret it signs with, at least 32 bytes."},
    {"token.trusted.secret_encoding", AT(token.trusted[i].secret_encoding), "How the secret is written.",
     "text|base64|hex"},
    {"token.trusted.algorithms", AT(token.trusted[i].algorithms),
     "Algorithms its tokens may have; empty: those of its keys, HS256 for a secret.",
     "EdDSA|ES256|RS256|HS256|HS384|HS512"},
    {"token.trusted.subject", AT(token.trusted[i].subject),
     "prefix: its users are \"name:subject\" here; same: its subjects are users' ids here.", "prefix|same"},
    {"token.trusted.required_claims", AT(token.trusted[i].required_claims),
     "Claims its tokens must have: \"name=value\"."},

    {"session.refresh_ttl", AT(session.refresh_ttl), "Life of a session that is not renewed; a renewal begins it anew.",
     "", kMinute, 400 * kDay},
    {"session.absolute_ttl", AT(session.absolute_ttl), "Life of a session, however often it is renewed.", "", kMinute,
     3650 * kDay},
    {"session.grace", AT(session.grace), "A refresh token and the one before answer alike for this long after renewal.",
     "", 0, 5 * kMinute},
    {"session.lost_reply_window", AT(session.lost_reply_window),
     "A renewal whose answer never arrived may be repeated for this long.", "", 0, 30 * kDay},
    {"session.jitter", AT(session.jitter), "Share of an access token's life that is cut off at random, at most.", "", 0,
     500},
    {"session.per_user", AT(session.per_user), "Sessions of one user: a sign-in ends the oldest over it; 0: no limit.",
     "", 0, 10'000},
    {"session.blind_max", AT(session.blind_max),
     "How long open connections live while neither the store nor the broker can say which sessions have ended.", "",
     kSecond, kDay},
    {"session.key.id", AT(session.keys[i].id), "Name of the key, for you."},
    {"session.key.secret", AT(session.keys[i].secret), "At least 32 bytes; not a token key."},
    {"session.key.file", AT(session.keys[i].file), "File with the secret; relative to the file that names it."},
    {"session.key.secret_encoding", AT(session.keys[i].secret_encoding), "How the secret is written.",
     "text|base64|hex"},
    {"session.key.use_until", AT(session.keys[i].use_until), "From this moment sessions of this key are unknown."},

    {"session.variant.name", AT(session.variants[i].name), "Label of the variant on the metrics.", "", 0, 64, true},
    {"session.variant.share", AT(session.variants[i].share), "Share of the users: 0.1 is every tenth.", "", 0, 1000},
    {"session.variant.access_ttl", AT(session.variants[i].access_ttl), "Life of their access tokens.", "", 10 * kSecond,
     30 * kDay},

    {"signin.register", AT(signin.registration),
     "Who gets an account by signing in: everyone, nobody, or whom the application's hook allows.", "open|closed|ask"},
    {"signin.hook_url", AT(signin.hook_url), "Where the application is asked for a new account (register = \"ask\")."},
    {"signin.hook_secret", AT(signin.hook_secret), "Signs what the hook is sent; at least 32 bytes."},

    {"signin.solana.enabled", AT(signin.solana.enabled), "Sign-in with a Solana wallet."},
    {"signin.solana.domain", AT(signin.solana.domain),
     "Domains of your pages, with the port where there is one: \"app.example\", \"localhost:3000\"."},
    {"signin.solana.uri", AT(signin.solana.uri), "Further URIs a signed message may name."},
    {"signin.solana.statement", AT(signin.solana.statement), "What the wallet shows to its user."},
    {"signin.solana.chains", AT(signin.solana.chains), "Chain IDs a signed message may name.",
     "mainnet|testnet|devnet|localnet|solana:mainnet|solana:testnet|solana:devnet|solana:localnet"},

    {"signin.ethereum.enabled", AT(signin.ethereum.enabled), "Sign-in with an Ethereum wallet."},
    {"signin.ethereum.domain", AT(signin.ethereum.domain),
     "Domains of your pages, with the port where there is one: \"app.example\", \"localhost:3000\"."},
    {"signin.ethereum.uri", AT(signin.ethereum.uri), "Further URIs a signed message may name."},
    {"signin.ethereum.statement", AT(signin.ethereum.statement), "What the wallet shows to its user."},
    {"signin.ethereum.chains", AT(signin.ethereum.chains), "Chain IDs a signed message may name."},
    {"signin.ethereum.rpc_url", AT(signin.ethereum.rpc_url),
     "Node (JSON-RPC) that is asked about signatures of contract wallets; empty: they are refused."},
    {"signin.ethereum.rpc_chain", AT(signin.ethereum.rpc_chain), "Chain ID of that node, one of chains.", "", 1,
     4'294'967'295},

    {"signin.telegram.enabled", AT(signin.telegram.enabled), "Sign-in with Telegram: Mini Apps and Login Widgets."},
    {"signin.telegram.max_age", AT(signin.telegram.max_age), "How long Telegram's data counts.", "", 10 * kSecond,
     kDay},
    {"signin.telegram.direct_registration", AT(signin.telegram.direct_registration),
     "Development only: register/telegram also takes a Telegram id without any proof."},
    {"signin.telegram.bot.id", AT(signin.telegram.bots[i].id), "The bot's id: the number its token begins with.", "", 1,
     std::int64_t{1} << 52, true},
    {"signin.telegram.bot.token", AT(signin.telegram.bots[i].token),
     "The bot's token. Without it initData is verified by Telegram's own signature, and there is no Login Widget."},
    {"signin.telegram.bot.environment", AT(signin.telegram.bots[i].environment), "Telegram's environment of the bot.",
     "production|test"},

    {"outbound.ca_file", AT(outbound.ca_file),
     "Authorities (PEM) beside the system's for requests to other servers; relative to the file that names it."},

    {"realtime.ping", AT(realtime.ping), "Interval of pings to clients.", "", kSecond, kHour},
    {"realtime.pong", AT(realtime.pong), "Time for the answer to a ping; less than the interval.", "", 100, kHour},
    {"realtime.insecure", AT(realtime.insecure), "Development only: no token needed, everything permitted."},
    {"realtime.compression", AT(realtime.compression),
     "Messages of 256 bytes and more are compressed for clients that offer it (permessage-deflate)."},
    {"realtime.shards", AT(realtime.shards), "Threads that serve connections; 0: one per core.", "", 0, 64},

    {"namespace.name", AT(namespaces[i].name),
     "First part of a channel's name up to \":\"; \"\": channels without one.", "", 0, kMaxCount, true},
    {"namespace.allow_subscribe_for_client", AT(namespaces[i].allow_subscribe_for_client),
     "Signed-in clients may subscribe."},
    {"namespace.allow_subscribe_for_anonymous", AT(namespaces[i].allow_subscribe_for_anonymous),
     "Clients that are not signed in may subscribe too."},
    {"namespace.allow_publish_for_client", AT(namespaces[i].allow_publish_for_client),
     "Signed-in clients may publish."},
    {"namespace.allow_publish_for_subscriber", AT(namespaces[i].allow_publish_for_subscriber),
     "Clients subscribed to the channel may publish in it."},
    {"namespace.allow_publish_for_anonymous", AT(namespaces[i].allow_publish_for_anonymous),
     "Clients that are not signed in may publish too."},

    {"namespace.allow_history_for_client", AT(namespaces[i].allow_history_for_client),
     "Signed-in clients may read the history."},
    {"namespace.allow_history_for_subscriber", AT(namespaces[i].allow_history_for_subscriber),
     "Clients subscribed to the channel may read its history."},
    {"namespace.allow_history_for_anonymous", AT(namespaces[i].allow_history_for_anonymous),
     "Clients that are not signed in may read it too."},
    {"namespace.allow_presence_for_client", AT(namespaces[i].allow_presence_for_client),
     "Signed-in clients may ask who is on the channel."},
    {"namespace.allow_presence_for_subscriber", AT(namespaces[i].allow_presence_for_subscriber),
     "Clients subscribed to the channel may ask who is on it."},
    {"namespace.allow_presence_for_anonymous", AT(namespaces[i].allow_presence_for_anonymous),
     "Clients that are not signed in may ask too."},
    {"namespace.allow_user_limited_channels", AT(namespaces[i].allow_user_limited_channels),
     "Channels whose name ends with # and user ids, joined by commas, are for these users alone."},
    {"namespace.presence", AT(namespaces[i].presence), "Who is on a channel is kept."},
    {"namespace.join_leave", AT(namespaces[i].join_leave), "Comings and goings are told to clients that ask for it."},
    {"namespace.force_push_join_leave", AT(namespaces[i].force_push_join_leave), "They are told to every subscriber."},
    {"namespace.history_size", AT(namespaces[i].history_size), "Publications kept of a channel; 0: none.", "", 0,
     100'000},
    {"namespace.history_ttl", AT(namespaces[i].history_ttl), "How long each is kept; 0: none is.", "", 0, 30 * kDay},
    {"namespace.allow_positioning", AT(namespaces[i].allow_positioning),
     "Clients may ask to be told when they missed something."},
    {"namespace.force_positioning", AT(namespaces[i].force_positioning), "Every subscriber is told."},
    {"namespace.allow_recovery", AT(namespaces[i].allow_recovery),
     "Clients may ask for what they missed while they were away."},
    {"namespace.force_recovery", AT(namespaces[i].force_recovery), "Every subscriber gets it."},
    {"namespace.force_recovery_mode", AT(namespaces[i].force_recovery_mode),
     "What they get: all of it in order, or the newest alone.", "stream|cache"},
    {"namespace.allow_tags_filter", AT(namespaces[i].allow_tags_filter),
     "Clients may ask for the publications alone whose tags fit a filter."},
    {"namespace.allowed_delta_types", AT(namespaces[i].allowed_delta_types),
     "How clients may get what changed since the publication before, not the whole; needs a history.", "fossil"},
    {"namespace.delta_publish", AT(namespaces[i].delta_publish),
     "Every publication may be sent as its difference, also where it was not published so."},

    {"namespace.durable", AT(namespaces[i].durable),
     "A publication is acknowledged once a replica of the broker has it too; without Redis it changes nothing."},
    {"namespace.grant", AT(namespaces[i].grant),
     "Resource whose holders may subscribe: \"post:{1}\" opens post:42 of this namespace to holders of post:42; {1} is "
     "the first part of the name after the namespace, parts divided by ':'."},

    {"limits.message_bytes", AT(limits.message_bytes), "Largest message of a client.", "", kKiB, 16 * kMiB},
    {"limits.queue_bytes", AT(limits.queue_bytes), "Unsent bytes at which a connection is closed as slow.", "",
     16 * kKiB, 1024 * kMiB},
    {"limits.channels", AT(limits.channels), "Subscriptions of one connection.", "", 1, 100'000},
    {"limits.channel_name_bytes", AT(limits.channel_name_bytes), "Longest channel name.", "", 8, 1024},
    {"limits.stale_time", AT(limits.stale_time), "A connection without a connect command is closed after this.", "",
     kSecond, 10 * kMinute},
    {"limits.header_time", AT(limits.header_time), "Time for a whole request to arrive.", "", kSecond, 10 * kMinute},
    {"limits.idle_time", AT(limits.idle_time), "An HTTP connection without a request is closed after this.", "",
     kSecond, kHour},
    {"limits.drain_time", AT(limits.drain_time), "Time for clients to leave when the server stops.", "", 0, kHour},
    {"limits.drain_spread", AT(limits.drain_spread),
     "Clients are told to leave over this time, at random moments, so that they do not come back all at once; at most"
     " half of drain_time.",
     "", 0, kHour},
    {"limits.connections", AT(limits.connections), "Connections of one shard.", "", 1, 10'000'000},
    {"limits.user_connections", AT(limits.user_connections), "Connections of one user; 0: no limit.", "", 0, kMaxCount},
    {"limits.connection_commands", AT(limits.connection_commands), "Commands a second of one connection; 0: no limit.",
     "", 0, kMaxCount},
    {"limits.user_commands", AT(limits.user_commands), "Commands a second of all connections of one user; 0: no limit.",
     "", 0, kMaxCount},
    {"limits.accepts_shard", AT(limits.accepts_shard), "New connections a second of one shard; 0: no limit.", "", 0,
     kMaxCount},
    {"limits.address_unauthenticated_shard", AT(limits.address_unauthenticated_shard),
     "Connections of one address on one shard that have not authenticated; 0: no limit.", "", 0, kMaxCount},
    {"limits.rate_strict", AT(limits.rate_strict),
     "Failed sign-ins and registrations a minute from one address; 0: no limit.", "", 0, kMaxCount},
    {"limits.rate_liberal", AT(limits.rate_liberal), "Checks a minute from one address; 0: no limit.", "", 0,
     kMaxCount},
    {"limits.rate_connect", AT(limits.rate_connect), "New connections a minute from one address; 0: no limit.", "", 0,
     kMaxCount},
    {"limits.rate_api", AT(limits.rate_api), "Server API calls a minute from one address; 0: no limit.", "", 0,
     kMaxCount},
    {"limits.log_bytes_channel", AT(limits.log_bytes_channel), "Publications kept of one channel.", "", 0, 1024 * kMiB},
    {"limits.log_bytes_shard", AT(limits.log_bytes_shard), "Publications kept of all channels of a shard.", "", 0,
     65536 * kMiB},
    {"limits.mailbox", AT(limits.mailbox), "Messages that may wait from one shard to another.", "", 1024, 16'777'216},
    {"limits.history_bytes_shard", AT(limits.history_bytes_shard),
     "Memory of the histories of a shard; over it the channels published to least recently lose theirs.", "", kMiB,
     65536 * kMiB},
    {"limits.history_channels_shard", AT(limits.history_channels_shard), "Channels of a shard with a history.", "", 1,
     100'000'000},
    {"limits.history_page", AT(limits.history_page), "Publications of one answer, a recovery's too.", "", 1, 10'000},
    {"limits.recovered_bytes", AT(limits.recovered_bytes), "Bytes of a recovery's publications; more is not recovered.",
     "", kKiB, 16 * kMiB},
    {"limits.queued_bytes_shard", AT(limits.queued_bytes_shard),
     "Unsent bytes of all connections of a shard; over it recovery, history and presence are refused (111).", "",
     64 * kKiB, 65536 * kMiB},
    {"limits.presence_clients", AT(limits.presence_clients), "Clients in one answer of presence.", "", 1, 1'000'000},
    {"limits.presence_entries_shard", AT(limits.presence_entries_shard),
     "Clients in the presence of a shard's channels.", "", 1, 100'000'000},

    {"limits.idempotency_keys", AT(limits.idempotency_keys), "Answers kept for idempotency keys.", "", 1024,
     10'000'000},
    {"limits.idempotency_bytes", AT(limits.idempotency_bytes), "Bytes of all answers kept for idempotency keys.", "",
     kMiB, 4096 * kMiB},
    {"limits.closed_bytes_shard", AT(limits.closed_bytes_shard),
     "Bytes a shard keeps about connections that closed, for `connections {closed}`; 0 for none.", "", 0, 256 * kMiB},

    {"limits.grants_user", AT(limits.grants_user), "Grants of one user.", "", 1, 1'000'000},
    {"limits.notifications_user", AT(limits.notifications_user),
     "Notifications kept of one user; the oldest goes for a new one.", "", 1, 100'000},
    {"limits.log_burst", AT(limits.log_burst),
     "Log lines a second of one event; more are counted and told of in one line; 0: no limit.", "", 0, kMaxCount},

    {"webhook.name", AT(webhooks[i].name), "Under which its place in the events is kept.", "", 0, 64, true},
    {"webhook.url", AT(webhooks[i].url), "Where events are posted; http:// only on this machine.", "", 0, 2048, true},
    {"webhook.secret", AT(webhooks[i].secret), "Signs what is posted, at least 32 bytes."},
    {"webhook.kinds", AT(webhooks[i].kinds), "Events it gets; none named: all.",
     "user.created|user.changed|user.blocked|user.unblocked|user.deleted|identity.linked|identity.unlinked|"
     "session.started|session.ended"},

    {"audit.retention", AT(audit.retention),
     "How long the audit log, and with it what webhooks may catch up on, is kept.", "", kDay, 3650 * kDay},

    {"notifications.retention", AT(notifications.retention), "How long a notification is kept.", "", kMinute,
     3650 * kDay},

    {"log.dir", AT(log.dir), "Folder of the daily files; a relative path lies in data.dir; \"\": no files."},
    {"log.format", AT(log.format), "Form of the files.", "json|text"},
    {"log.retention_days", AT(log.retention_days), "Days a file is kept.", "", 1, 3650},
    {"log.level", AT(log.level), "Least level that is written.", "debug|info|warn|error"},
    {"log.file_bytes", AT(log.file_bytes), "Size at which a day's file is continued in another.", "", 64 * kKiB,
     64 * 1024 * kMiB},
    {"log.summary", AT(log.summary), "Every so long a line says what went on; 0: none.", "", 0, kDay},

    {"pages.enabled", AT(pages.enabled), "Pages to try the server with: /demo."},

    {"compat.read_app_env", AT(compat.read_app_env),
     "Also read the application's variables: NEXTAUTH_SECRET, JWT_SECRET, TELEGRAM_BOT_TOKEN, DATABASE_URL, "
     "REDIS_URL."},
    {"compat.env_file", AT(compat.env_file), "Its .env file, for those that the environment has not."},
    {"compat.access_refresh", AT(compat.access_refresh),
     "POST /api/v2/auth/refresh also takes a valid access token, and gives the next one."},
    {"compat.unsigned_wallet", AT(compat.unsigned_wallet),
     "A wallet's address in x-user-wallet or ?wallet= names the caller of /api/user/notifications. It proves nothing."},
};

#undef AT

constexpr ArrayRow kArrays[] = {
    {"ops.operator", [](Config& c, std::size_t n) { c.ops.operators.resize(n); },
     [](const Config& c) { return c.ops.operators.size(); }, "Who may use the console, one table each."},
    {"api.key", [](Config& c, std::size_t n) { c.api_keys.resize(n); },
     [](const Config& c) { return c.api_keys.size(); }, "Keys of the server API, one table each."},
    {"token.key", [](Config& c, std::size_t n) { c.token.keys.resize(n); },
     [](const Config& c) { return c.token.keys.size(); },
     "Keys of the access tokens: the first signs, all verify. At least one."},
    {"token.trusted", [](Config& c, std::size_t n) { c.token.trusted.resize(n); },
     [](const Config& c) { return c.token.trusted.size(); },
     "Issuers whose tokens may connect beside our own, one table each. Their keys: jwks_url, file or secret."},
    {"session.key", [](Config& c, std::size_t n) { c.session.keys.resize(n); },
     [](const Config& c) { return c.session.keys.size(); },
     "Keys that session ids and challenges are made with: the first makes, all verify. At least one."},
    {"session.variant", [](Config& c, std::size_t n) { c.session.variants.resize(n); },
     [](const Config& c) { return c.session.variants.size(); },
     "Experiments with the life of access tokens, at most 8; users of none of them have token.access_ttl."},
    {"signin.telegram.bot", [](Config& c, std::size_t n) { c.signin.telegram.bots.resize(n); },
     [](const Config& c) { return c.signin.telegram.bots.size(); }, "Bots whose users may sign in, one table each."},
    {"webhook", [](Config& c, std::size_t n) { c.webhooks.resize(n); },
     [](const Config& c) { return c.webhooks.size(); }, "Servers of the application that are told of events."},
    {"namespace", [](Config& c, std::size_t n) { c.namespaces.resize(n); },
     [](const Config& c) { return c.namespaces.size(); },
     "Channels by the first part of their name; a channel of no namespace listed here is unknown."},
};

constexpr SectionRow kSections[] = {
    {"http", "The public port."},
    {"http.tls", "TLS on the public port, without a proxy before it. A new certificate is read on SIGHUP."},
    {"ops", "The operators' port."},
    {"ops.tls", "TLS on the operators' port."},
    {"api", "The server API."},
    {"data", "Files."},
    {"store", "Database."},
    {"broker", "What several nodes share."},
    {"cache", "Counters that several nodes share."},
    {"node", "This process among others."},
    {"token", "Access tokens."},
    {"session", "Sessions."},
    {"signin", "Ways to sign in."},
    {"signin.solana", "Solana wallets."},
    {"signin.ethereum", "Ethereum wallets."},
    {"signin.telegram", "Telegram."},
    {"outbound", "Requests of this server to others."},
    {"realtime", "Client connections."},
    {"limits", "Every bound of the server."},
    {"audit", "Audit log."},
    {"notifications", "Notifications of users."},
    {"log", "Log."},
    {"pages", "Built-in pages."},
    {"compat", "For existing deployments."},
};

}  // namespace

std::span<const Row> rows() { return kRows; }
std::span<const ArrayRow> arrays() { return kArrays; }
std::span<const SectionRow> sections() { return kSections; }

const Row* find_row(std::string_view path) {
  for (const Row& row : kRows) {
    if (row.path == path) return &row;
  }
  return nullptr;
}

const ArrayRow* find_array(std::string_view path) {
  for (const ArrayRow& row : kArrays) {
    if (row.path == path) return &row;
  }
  return nullptr;
}

const ArrayRow* array_of(std::string_view path) {
  auto dot = path.rfind('.');
  return dot == std::string_view::npos ? nullptr : find_array(path.substr(0, dot));
}

bool is_section(std::string_view path) {
  for (const SectionRow& row : kSections) {
    if (row.path == path) return true;
  }
  return false;
}

std::string environment_name(std::string_view path) {
  std::string out = "GATECAST_";
  for (char c : path) {
    if (c == '.') {
      out += "__";
    } else {
      out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // A name this long is no slip of ours; the bound also keeps the square small.
  constexpr std::size_t kMax = 80;
  if (a.size() > kMax || b.size() > kMax) return kMax;
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string_view nearest_path(std::string_view path) {
  auto leaf = [](std::string_view p) { return p.substr(p.rfind('.') + 1); };
  auto section = [](std::string_view p) {
    auto dot = p.rfind('.');
    return dot == std::string_view::npos ? std::string_view{} : p.substr(0, dot);
  };
  std::string_view best;
  std::size_t best_score = 1000;
  auto consider = [&](std::string_view known) {
    std::size_t distance = edit_distance(leaf(path), leaf(known));
    // A slip in the key, or the right key in the wrong section.
    std::size_t allowed = std::max<std::size_t>(1, leaf(path).size() / 3);
    std::size_t section_distance = edit_distance(section(path), section(known));
    if (distance > allowed || (section_distance > 2 && distance > 0)) return;
    std::size_t score = distance * 4 + std::min<std::size_t>(section_distance, 8);
    if (score < best_score) best = known, best_score = score;
  };
  for (const Row& row : kRows) consider(row.path);
  for (const ArrayRow& row : kArrays) consider(row.path);
  for (const SectionRow& row : kSections) consider(row.path);
  return best;
}

}  // namespace gatecast::server
