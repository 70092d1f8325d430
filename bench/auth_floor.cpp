// The floor of signing in and of renewing: the cryptography, the rows, the flush, and HTTP at its barest.
//
//   bench_auth_floor DATABASE    prints its port; serves until stdin ends. A byte on stdin: so many requests a
//   transaction
//
// One thread. A turn takes every request that is there, verifies a signature for each sign-in and the macs, reads what
// no one can do without – whose the wallet is; the session, its user and identity –, writes all rows in one transaction
// with a flush (synchronous=FULL), signs a token of the server's size for each, and answers with as many bytes as the
// server does. Nothing is parsed or checked. Tables and row sizes are the server's.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kMessageBytes = 330;  // of the text a wallet signs
constexpr std::size_t kTokenBytes = 420;    // of what an access token's signature covers
constexpr std::size_t kReplyBytes = 1150;
constexpr sqlite3_int64 kNow = 1'800'000'000'000;

constexpr const char* kSchema = R"sql(
PRAGMA page_size=2048; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;
PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=67108864;
CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, ref_code TEXT NOT NULL UNIQUE, created_at INTEGER) WITHOUT ROWID;
CREATE TABLE identities (id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users (id), kind TEXT NOT NULL,
  subject TEXT NOT NULL, created_at INTEGER, PRIMARY KEY (kind, subject)) WITHOUT ROWID;
CREATE TABLE sessions (sid TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL REFERENCES users (id), identity_id TEXT,
  ip TEXT, created_at INTEGER, last_seen_at INTEGER, expires_at INTEGER, gen INTEGER, secret_hash BLOB,
  rotated_at INTEGER, renewed_ip TEXT);
CREATE INDEX sessions_standing ON sessions (user_id, created_at);
CREATE TABLE used_nonces (nonce TEXT PRIMARY KEY NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX used_nonces_by_expiry ON used_nonces (expires);
CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER, kind TEXT, user_id TEXT, sid TEXT, ip TEXT);
CREATE INDEX audit_by_time ON audit (at);
)sql";

constexpr const char* kSignIn[] = {
    "INSERT INTO used_nonces VALUES (?1, ?2)",
    "INSERT INTO users VALUES (?1, ?3, ?2)",
    "INSERT INTO identities VALUES (?3, ?1, 'solana', ?4, ?2)",
    "INSERT INTO sessions VALUES (?3, ?1, ?4, '127.0.0.1', ?2, ?2, ?2, 1, ?5, ?2, '127.0.0.1')",
    "INSERT INTO audit (at, kind, user_id, sid, ip) VALUES (?2, 'signin', ?1, ?3, '127.0.0.1')",
};
constexpr const char* kKnown = "SELECT user_id FROM identities WHERE kind = 'solana' AND subject = ?1";
constexpr const char* kFind =
    "SELECT s.gen, s.secret_hash, s.rotated_at, s.expires_at, u.ref_code, i.subject FROM sessions s"
    " JOIN users u ON u.id = s.user_id LEFT JOIN identities i ON i.id = s.identity_id WHERE s.sid = ?1";
constexpr const char* kRenew =
    "UPDATE sessions SET gen = gen + 1, rotated_at = ?2, expires_at = ?2, renewed_ip = '127.0.0.1' WHERE sid = ?1";

[[noreturn]] void stop(const char* what) {
  std::perror(what);
  std::exit(2);
}
void check(bool good, const char* what) {
  if (!good) stop(what);
}

std::string random_text(std::size_t size) {
  static constexpr char kCharacters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  std::string text(size, '\0');
  randombytes_buf(text.data(), text.size());
  for (char& c : text) c = kCharacters[c & 63];
  return text;
}

class Rows {
 public:
  explicit Rows(const char* path) {
    constexpr int kHow = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    check(sqlite3_open_v2(path, &db_, kHow, nullptr) == SQLITE_OK, path);
    run(kSchema);
    for (const char* sql : kSignIn) sign_in_.push_back(prepared(sql));
    renew_ = prepared(kRenew);
    known_ = prepared(kKnown);
    find_ = prepared(kFind);
  }
  void run(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql); }

  void sign_in() {
    const std::string user = random_text(20), identity = random_text(20), sid = random_text(38);
    const std::string address = random_text(44);
    read(known_, address, false);
    step(sign_in_[0], {random_text(43)});
    step(sign_in_[1], {user, random_text(8)});
    step(sign_in_[2], {user, identity, address});
    step(sign_in_[3], {user, sid, identity, random_text(32)});
    step(sign_in_[4], {user, sid});
    sids_.push_back(sid);
  }
  /// The session that has waited longest, as the clients do it.
  void renew() {
    const std::string& sid = sids_[turn_++ % sids_.size()];
    read(find_, sid, true);
    step(renew_, {sid});
  }

 private:
  sqlite3_stmt* prepared(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK, sql);
    return statement;
  }
  void read(sqlite3_stmt* statement, const std::string& key, bool there) {
    sqlite3_bind_text(statement, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
    check(sqlite3_step(statement) == (there ? SQLITE_ROW : SQLITE_DONE), "read");
    sqlite3_reset(statement);
  }
  /// Texts for ?1, ?3, ?4 …; ?2 is the time.
  void step(sqlite3_stmt* statement, const std::vector<std::string>& texts) {
    int at = 1;
    for (const std::string& text : texts) {
      sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
      at = at == 1 ? 3 : at + 1;
    }
    sqlite3_bind_int64(statement, 2, kNow);
    check(sqlite3_step(statement) == SQLITE_DONE, sqlite3_errmsg(db_));
    sqlite3_reset(statement);
  }

  sqlite3* db_ = nullptr;
  std::vector<sqlite3_stmt*> sign_in_;
  sqlite3_stmt* renew_ = nullptr;
  sqlite3_stmt* known_ = nullptr;
  sqlite3_stmt* find_ = nullptr;
  std::vector<std::string> sids_;
  std::size_t turn_ = 0;
};

struct Crypto {
  Crypto() {
    crypto_sign_keypair(public_key, secret_key);
    sign(message, signature);
  }
  void sign(const std::string& text, unsigned char* into) const {
    crypto_sign_detached(into, nullptr, reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret_key);
  }
  void verify() const {
    check(crypto_sign_verify_detached(signature, reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                      public_key) == 0,
          "verify");
  }
  /// What makes and checks the ids and tokens beside the signature: `macs` of a hundred bytes, the hash of a secret,
  /// random bytes.
  void check_ids(int macs) const {
    unsigned char out[crypto_auth_hmacsha256_BYTES];
    const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
    for (int i = 0; i < macs; ++i) crypto_auth_hmacsha256(out, bytes, 100, secret_key);
    crypto_hash_sha256(out, bytes, 32);
    randombytes_buf(out, sizeof out);
  }
  unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
  unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
  unsigned char signature[crypto_sign_BYTES];
  const std::string message = random_text(kMessageBytes);
  const std::string token = random_text(kTokenBytes);
};

int listen_here() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(fd, 4096) == 0, "listen");
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  std::printf("port %u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

/// Whether the request is there whole.
bool complete(const std::string& bytes) {
  const auto head = bytes.find("\r\n\r\n");
  const auto field = bytes.find("Content-Length: ");
  return head != std::string::npos && bytes.size() >= head + 4 + std::strtoul(bytes.c_str() + field + 16, nullptr, 10);
}

void serve(Rows& rows, const Crypto& crypto) {
  const std::string reply =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kReplyBytes) + "\r\n\r\n" + std::string(kReplyBytes, 'x');
  const int poller = epoll_create1(0);
  const int listener = listen_here();
  const auto watch = [poller](int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  };
  watch(listener);
  watch(STDIN_FILENO);
  std::size_t group = 64;
  std::map<int, std::string> requests;
  /// One transaction, and its answers.
  const auto commit = [&](const std::vector<int>& whole) {
    rows.run("BEGIN IMMEDIATE");
    for (const int fd : whole) {
      if (requests[fd].starts_with("POST /api/v2/auth/wallet ")) {
        crypto.verify();
        crypto.check_ids(3);  // challenge, session id, refresh token
        rows.sign_in();
      } else {
        crypto.check_ids(2);  // the refresh token shown, the next one
        rows.renew();
      }
      requests[fd].clear();
    }
    rows.run("COMMIT");
    for (const int fd : whole) {
      unsigned char signature[crypto_sign_BYTES];
      crypto.sign(crypto.token, signature);
      check(send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size()), "send");
    }
  };
  std::vector<epoll_event> events(512);
  char buffer[16 * 1024];
  for (;;) {
    const int ready = epoll_wait(poller, events.data(), 512, -1);
    std::vector<int> whole;
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == STDIN_FILENO) {
        unsigned char size = 0;
        if (read(STDIN_FILENO, &size, 1) != 1) return;
        group = size;
        continue;
      }
      if (fd == listener) {
        const int peer = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        const int on = 1;
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(peer);
        continue;
      }
      const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) {
        close(fd);
        continue;
      }
      requests[fd].append(buffer, static_cast<std::size_t>(n));
      if (complete(requests[fd])) whole.push_back(fd);
    }
    for (std::size_t from = 0; from < whole.size(); from += group) {
      commit({whole.begin() + static_cast<std::ptrdiff_t>(from),
              whole.begin() + static_cast<std::ptrdiff_t>(std::min(whole.size(), from + group))});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_auth_floor DATABASE\n");
    return 2;
  }
  check(sodium_init() >= 0, "libsodium");
  Rows rows(argv[1]);
  const Crypto crypto;
  serve(rows, crypto);
  return 0;
}
