// The configuration as plain values: what the program was told, checked and complete.
//
// Place: filled by server/config/load.hpp from defaults, file, environment and flags; read by everything in server and
// app. Threads: written once at start-up, then only read. The initialisers below are the defaults (`gatecast config
// default` and docs/configuration.md print them); names, limits and descriptions are in config_table.cpp, one row a
// key. Secrets are decoded, checked key material; nothing here prints them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "core/service_url.hpp"

namespace gatecast::server {

using Millis = std::chrono::milliseconds;
using Strings = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

/// Both or neither; resolved paths.
struct TlsFiles {
  std::string cert{};
  std::string key{};

  bool on() const { return !cert.empty(); }
};

struct HttpConfig {
  std::string address = "127.0.0.1:3002";
  std::string base_path{};          // "" or "/app": no slash at its end
  Strings allowed_origins{};        // exact, as browsers send them: "https://app.example"
  Strings trusted_proxies{};        // addresses or networks: "10.0.0.0/8"
  std::string query_token = "any";  // any | ticket | off
  std::string token_cookie{};       // name; empty: no cookie is read
  std::uint64_t body_bytes = 65536;
  std::uint64_t header_bytes = 32768;
  TlsFiles tls{};
};

/// Who may use the console and the operators' routes.
struct Operator {
  std::string name{};
  std::string sha256{};       // hex as written: SHA-256 of the token
  std::string role = "view";  // view | act
  std::string digest{};       // 32 bytes
  std::string fingerprint{};  // as ApiKey has it

  bool may_act() const { return role == "act"; }
};

struct OpsConfig {
  std::string address = "127.0.0.1:9090";
  TlsFiles tls{};
  std::vector<Operator> operators{};
};

/// What a key of the server API may do.
inline constexpr std::string_view kApiScopes[] = {"publish",  "presence", "history", "connections", "users",
                                                  "sessions", "mint",     "events",  "doctor",      "audit",
                                                  "grants",   "notify",   "all"};

struct ApiKey {
  std::string name{};
  std::string sha256{};  // hex as written; empty where `secret` is given
  Secret secret{};
  std::optional<WallTime> use_until{};
  Strings scopes{};           // kApiScopes
  std::string digest{};       // 32 bytes: SHA-256 of the key, whichever way it was given
  std::string fingerprint{};  // "ab12:cd34:ef56:7890": first bytes of the digest

  bool allows(std::string_view scope) const;
};

struct ApiConfig {
  std::uint64_t body_bytes = 8 * 1048576;  // a thousand users with all they may bring along
};

struct DataConfig {
  std::string dir = "./data";  // resolved: relative to the file that sets it, else to the working folder
};

struct StoreConfig {
  ServiceUrl url{"sqlite:gatecast.db"};       // or postgresql://…
  std::string path{};                         // of SQLite: resolved; relative ones lie in data.dir; empty: PostgreSQL
  std::uint32_t connections = 10;             // of PostgreSQL: kept open by this process
  Millis deadline = std::chrono::seconds{5};  // of PostgreSQL: for one operation
  std::string ca_file{};                      // of PostgreSQL: resolved; empty: as sslrootcert says
};

/// What the nodes of one deployment share: channels, presence, word of each other.
struct BrokerConfig {
  ServiceUrl url{"memory:"};                      // or redis://, rediss://, redis+sentinel://, redis+cluster://
  std::string prefix = "gatecast:";               // of every key and topic
  Millis deadline = std::chrono::seconds{2};      // for one command
  Millis durable_wait = std::chrono::seconds{1};  // for a replica to have a publication of a durable namespace
  std::string ca_file{};                          // resolved; empty: the system's authorities
  bool on() const { return url.scheme() != "memory"; }
};

/// Counters and short-lived values that the nodes share.
struct CacheConfig {
  ServiceUrl url{};  // empty: as the broker
};

/// This process among the others.
struct NodeConfig {
  std::string name{};  // in the console and in logs; empty: the host's
};

struct TokenKey {
  std::string kid{};
  std::string algorithm{};  // empty: token.algorithm
  Secret secret{};          // as written
  std::string file{};       // resolved path
  std::string secret_encoding = "text";
  std::optional<WallTime> use_until{};
  std::string fingerprint{};  // as token::Key has it
};

/// A profile's name, or claim → source where the claims are listed themselves.
struct ClaimsConfig {
  std::string profile = "default";  // default | fonana | unifarm; "" where `members` counts
  std::vector<std::pair<std::string, std::string>> members{};
};

/// An issuer whose tokens are taken beside our own; one of jwks_url, file and secret says its keys.
struct TrustedConfig {
  std::string name{};
  std::string issuer{};
  std::string audience{};  // empty: not looked at
  std::string jwks_url{};
  std::string file{};  // resolved: a public key (PEM), a JWK or a JWK set
  Secret secret{};
  std::string secret_encoding = "text";
  Strings algorithms{};            // empty: those of the keys; HS256 for a secret
  std::string subject = "prefix";  // prefix | same
  Strings required_claims{};       // "name=value"
};

struct TokenConfig {
  std::string issuer = "gatecast";
  std::string audience = "gatecast";
  std::string algorithm = "EdDSA";  // EdDSA | ES256 | RS256 | HS256 | HS384 | HS512
  Millis access_ttl = std::chrono::minutes{30};
  ClaimsConfig claims{};
  std::vector<TokenKey> keys{};  // the first signs
  std::string key_dir = "keys";  // resolved; relative ones lie in data.dir; "": none
  std::vector<TrustedConfig> trusted{};
};

struct SessionKey {
  std::string id{};
  Secret secret{};
  std::string file{};
  std::string secret_encoding = "text";
  std::optional<WallTime> use_until{};
  Secret material{};  // decoded key bytes
  std::string fingerprint{};
};

/// A share of the users whose access tokens live another time.
struct SessionVariant {
  std::string name{};
  double share = 0;
  Millis access_ttl = std::chrono::minutes{30};
};

struct SessionConfig {
  Millis refresh_ttl = std::chrono::hours{24 * 30};  // a session's life without renewal
  Millis absolute_ttl = std::chrono::hours{24 * 180};
  Millis grace = std::chrono::seconds{30};
  Millis lost_reply_window = std::chrono::hours{24};
  double jitter = 0.05;
  std::uint32_t per_user = 50;
  Millis blind_max = std::chrono::seconds{60};  // open connections live so long while store and broker are gone
  std::vector<SessionKey> keys{};               // the first makes, all verify
  std::vector<SessionVariant> variants{};
};

struct SolanaConfig {
  bool enabled = false;
  Strings domain{};  // exact, with port where there is one: "app.example", "localhost:3002"
  Strings uri{};
  std::string statement = "Sign in to prove that this wallet is yours. No transaction, no fee.";
  Strings chains{"mainnet", "solana:mainnet"};
};

struct EthereumConfig {
  bool enabled = false;
  Strings domain{};
  Strings uri{};
  std::string statement = "Sign in to prove that this wallet is yours. No transaction, no fee.";
  Numbers chains{1};
  std::string rpc_url{};        // node that contract wallets are asked at; empty: they are refused
  std::uint32_t rpc_chain = 1;  // its chain
};

struct TelegramBotConfig {
  std::int64_t id = 0;
  Secret token{};  // empty: initData by Telegram's own signature
  std::string environment = "production";
};

struct TelegramConfig {
  bool enabled = false;
  Millis max_age = std::chrono::minutes{15};
  bool direct_registration = false;  // a Telegram id without proof; only with --dev
  std::vector<TelegramBotConfig> bots{};
};

struct SigninConfig {
  std::string registration = "open";  // open | closed | ask
  std::string hook_url{};
  Secret hook_secret{};
  SolanaConfig solana{};
  EthereumConfig ethereum{};
  TelegramConfig telegram{};
};

struct OutboundConfig {
  std::string ca_file{};  // resolved; empty: the system's authorities alone
};

struct RealtimeConfig {
  Millis ping = std::chrono::seconds{25};
  Millis pong = std::chrono::seconds{8};
  bool insecure = false;     // no token needed, all permissions; only with --dev
  std::uint32_t shards = 0;  // 0: one per core
  bool compression = true;   // permessage-deflate with clients that offer it
};

struct NamespaceConfig {
  std::string name{};  // "": channels without a namespace
  bool allow_subscribe_for_client = false;
  bool allow_subscribe_for_anonymous = false;
  bool allow_publish_for_client = false;
  bool allow_publish_for_subscriber = false;
  bool allow_publish_for_anonymous = false;
  bool allow_history_for_client = false;
  bool allow_history_for_subscriber = false;
  bool allow_history_for_anonymous = false;
  bool allow_presence_for_client = false;
  bool allow_presence_for_subscriber = false;
  bool allow_presence_for_anonymous = false;
  bool allow_user_limited_channels = false;
  bool presence = false;
  bool join_leave = false;
  bool force_push_join_leave = false;
  std::uint32_t history_size = 0;
  Millis history_ttl{};
  bool allow_positioning = false;
  bool force_positioning = false;
  bool allow_recovery = false;
  bool force_recovery = false;
  std::string force_recovery_mode = "stream";  // stream | cache
  bool allow_tags_filter = false;
  Strings allowed_delta_types{};  // "fossil"
  bool delta_publish = false;
  std::string grant{};   // resource that opens a channel: "post:{1}"; empty: no grant is asked for
  bool durable = false;  // a publication is acknowledged once a replica of the broker has it
};

struct LimitsConfig {
  std::uint64_t message_bytes = 65536;
  std::uint64_t queue_bytes = 1048576;
  std::uint32_t channels = 128;
  std::uint32_t channel_name_bytes = 255;
  Millis stale_time = std::chrono::seconds{10};
  Millis header_time = std::chrono::seconds{10};
  Millis idle_time = std::chrono::seconds{75};
  Millis drain_time = std::chrono::seconds{10};
  Millis drain_spread = std::chrono::seconds{3};
  std::uint32_t connections = 20000;         // a shard
  std::uint32_t user_connections = 0;        // 0: no limit
  std::uint32_t connection_commands = 1000;  // a second; 0: no limit
  std::uint32_t user_commands = 5000;
  std::uint32_t accepts_shard = 0;  // a second; 0: no limit
  std::uint32_t address_unauthenticated_shard = 1024;
  std::uint32_t rate_strict = 20;  // a minute and address; 0: off
  std::uint32_t rate_liberal = 300;
  std::uint32_t rate_connect = 6000;  // an address may be a whole town behind a carrier
  std::uint32_t rate_api = 0;
  std::uint64_t log_bytes_channel = 8 * 1048576;
  std::uint64_t log_bytes_shard = 64 * 1048576;
  std::uint32_t mailbox = 65536;
  std::uint64_t history_bytes_shard = 256 * 1048576;
  std::uint32_t history_channels_shard = 1'000'000;
  std::uint32_t history_page = 300;
  std::uint64_t recovered_bytes = 262144;
  std::uint64_t queued_bytes_shard = 128 * 1048576;
  std::uint32_t presence_clients = 10'000;
  std::uint32_t presence_entries_shard = 1'000'000;
  std::uint32_t idempotency_keys = 100000;
  std::uint64_t idempotency_bytes = 64 * 1048576;
  std::uint64_t closed_bytes_shard = 1048576;
  std::uint32_t grants_user = 10'000;
  std::uint32_t notifications_user = 1000;
  std::uint32_t log_burst = 100;  // lines a second of one event; 0: no limit
};

struct WebhookConfig {
  std::string name{};
  std::string url{};
  Secret secret{};
  Strings kinds{};  // names of events; empty: all
};

struct AuditConfig {
  Millis retention = std::chrono::hours{24 * 90};
};

struct NotificationsConfig {
  Millis retention = std::chrono::hours{24 * 90};
};

struct LogConfig {
  std::string dir = "logs";     // resolved; relative ones lie in data.dir; "": no files
  std::string format = "json";  // json | text
  std::uint32_t retention_days = 14;
  std::string level = "info";  // debug | info | warn | error
  std::uint64_t file_bytes = 256 * 1048576;
  Millis summary = std::chrono::minutes{1};  // 0: none
};

struct PagesConfig {
  bool enabled = false;
};

/// What existing deployments need beside the standard behaviour.
struct CompatConfig {
  bool read_app_env = false;
  std::string env_file{};        // as written; empty: only the environment
  bool access_refresh = false;   // POST /refresh also takes a valid access token
  bool unsigned_wallet = false;  // a wallet's address alone names the caller of the notifications
};

struct Config {
  HttpConfig http{};
  OpsConfig ops{};
  ApiConfig api{};
  std::vector<ApiKey> api_keys{};
  DataConfig data{};
  StoreConfig store{};
  BrokerConfig broker{};
  CacheConfig cache{};
  NodeConfig node{};
  TokenConfig token{};
  SessionConfig session{};
  SigninConfig signin{};
  OutboundConfig outbound{};
  RealtimeConfig realtime{};
  std::vector<NamespaceConfig> namespaces{};
  LimitsConfig limits{};
  std::vector<WebhookConfig> webhooks{};
  AuditConfig audit{};
  NotificationsConfig notifications{};
  LogConfig log{};
  PagesConfig pages{};
  CompatConfig compat{};
  bool dev = false;  // started with --dev
};

}  // namespace gatecast::server
