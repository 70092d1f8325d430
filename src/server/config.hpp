// The configuration as plain values: what the program was told, checked and complete.
//
// Place: filled by server/config_load.hpp from defaults, file, environment and flags; read by everything in server and
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

namespace gatecast::server {

using Millis = std::chrono::milliseconds;
using Strings = std::vector<std::string>;

struct HttpConfig {
  std::string address = "127.0.0.1:3002";
  std::string base_path{};          // "" or "/app": no slash at its end
  Strings allowed_origins{};        // exact, as browsers send them: "https://app.example"
  Strings trusted_proxies{};        // addresses or networks: "10.0.0.0/8"
  std::string query_token = "any";  // any | off
  std::uint64_t body_bytes = 65536;
  std::uint64_t header_bytes = 32768;
};

struct OpsConfig {
  std::string address = "127.0.0.1:9090";
};

struct ApiKey {
  std::string name{};
  std::string sha256{};  // hex as written; empty where `secret` is given
  Secret secret{};
  std::optional<WallTime> use_until{};
  Strings scopes{};           // publish | connections | all
  std::string digest{};       // 32 bytes: SHA-256 of the key, whichever way it was given
  std::string fingerprint{};  // "ab12:cd34:ef56:7890": first bytes of the digest

  bool allows(std::string_view scope) const;
};

struct DataConfig {
  std::string dir = "./data";  // resolved: relative to the file that sets it, else to the working folder
};

struct StoreConfig {
  std::string url = "sqlite:gatecast.db";
  std::string path{};  // resolved path of the database; relative ones lie in data.dir
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

struct TokenConfig {
  std::string issuer = "gatecast";
  std::string audience = "gatecast";
  std::string algorithm = "EdDSA";  // EdDSA | ES256 | HS256 | HS384 | HS512
  Millis access_ttl = std::chrono::minutes{30};
  std::string claims = "default";  // default | fonana
  std::vector<TokenKey> keys{};    // the first signs
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

struct SessionConfig {
  Millis refresh_ttl = std::chrono::hours{24 * 30};  // a session's life without renewal
  Millis absolute_ttl = std::chrono::hours{24 * 180};
  Millis grace = std::chrono::seconds{30};
  Millis lost_reply_window = std::chrono::hours{24};
  double jitter = 0.05;
  std::uint32_t per_user = 50;
  std::vector<SessionKey> keys{};  // the first makes, all verify
};

struct SolanaConfig {
  bool enabled = false;
  Strings domain{};  // exact, with port where there is one: "app.example", "localhost:3002"
  Strings uri{};
  std::string statement = "Sign in to prove that this wallet is yours. No transaction, no fee.";
  Strings chains{"mainnet", "solana:mainnet"};
};

struct SigninConfig {
  SolanaConfig solana{};
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
  std::uint32_t connections = 20000;   // a shard
  std::uint32_t user_connections = 0;  // 0: no limit
  std::uint32_t rate_strict = 20;      // a minute and address; 0: off
  std::uint32_t rate_liberal = 300;
  std::uint32_t rate_connect = 120;
  std::uint32_t rate_api = 0;
  std::uint64_t log_bytes_channel = 8 * 1048576;
  std::uint64_t log_bytes_shard = 64 * 1048576;
  std::uint32_t mailbox = 65536;
  std::uint64_t history_bytes_shard = 256 * 1048576;
  std::uint32_t history_channels_shard = 1'000'000;
  std::uint32_t history_page = 300;
  std::uint64_t recovered_bytes = 262144;
  std::uint32_t presence_clients = 10'000;
  std::uint32_t presence_entries_shard = 1'000'000;
};

struct LogConfig {
  std::string dir = "logs";     // resolved; relative ones lie in data.dir; "": no files
  std::string format = "json";  // json | text
  std::uint32_t retention_days = 14;
  std::string level = "info";  // debug | info | warn | error
};

struct PagesConfig {
  bool enabled = false;
};

struct Config {
  HttpConfig http{};
  OpsConfig ops{};
  std::vector<ApiKey> api_keys{};
  DataConfig data{};
  StoreConfig store{};
  TokenConfig token{};
  SessionConfig session{};
  SigninConfig signin{};
  RealtimeConfig realtime{};
  std::vector<NamespaceConfig> namespaces{};
  LimitsConfig limits{};
  LogConfig log{};
  PagesConfig pages{};
  bool dev = false;  // started with --dev
};

}  // namespace gatecast::server
