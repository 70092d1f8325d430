#include "adapters/postgres/store_copy.hpp"

#include <thread>

#include "adapters/postgres/schema.hpp"

namespace gatecast::postgres {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::uint64_t kProgressRows = 10'000;
// Rows written after the backup was made had numbers that readers may remember: they go on beyond all of them.
constexpr std::int64_t kSeqStep = 1'000'000'000;

// Connections of a server that has just ended go away within this.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{100};

using enum CopiedAs;

constexpr CopiedColumn kUsers[] = {{"id"},
                                   {"nickname"},
                                   {"avatar"},
                                   {"is_creator", flag},
                                   {"is_verified", flag},
                                   {"blocked", flag},
                                   {"ref_code"},
                                   {"referrer"},
                                   {"session_epoch", number},
                                   {"created_at", number},
                                   {"claims"}};
constexpr CopiedColumn kIdentities[] = {{"id"},      {"user_id"}, {"kind"},
                                        {"subject"}, {"profile"}, {"created_at", number}};
constexpr CopiedColumn kSessions[] = {{"sid"},
                                      {"made", number, "rowid"},
                                      {"user_id"},
                                      {"identity_id"},
                                      {"how"},
                                      {"ip"},
                                      {"user_agent"},
                                      {"created_at", number},
                                      {"last_seen_at", number},
                                      {"expires_at", number},
                                      {"gen", number},
                                      {"ended_at", number},
                                      {"end_reason"},
                                      {"secret_hash", hex},
                                      {"kept_gen", number},
                                      {"rotated_at", number},
                                      {"absolute_expires_at", number},
                                      {"renewed_ip"}};
constexpr CopiedColumn kControlLog[] = {{"seq", number}, {"kind"},   {"subject"},
                                        {"user_id"},     {"reason"}, {"at", number}};
constexpr CopiedColumn kUsedNonces[] = {{"nonce"}, {"expires", number}, {"sid"}, {"used_at", number}};
constexpr CopiedColumn kAudit[] = {
    {"seq", number, "id"}, {"at", number}, {"kind"}, {"user_id"}, {"sid"}, {"ip"}, {"code"}, {"detail"},
    {"count", number}};
constexpr CopiedColumn kPositions[] = {{"name"}, {"seq", number}};
constexpr CopiedColumn kRestores[] = {{"at", number}};
constexpr CopiedColumn kHolders[] = {{"user_id"}, {"version", number}, {"standing", number}};
constexpr CopiedColumn kGrants[] = {{"id"},
                                    {"user_id"},
                                    {"resource"},
                                    {"key"},
                                    {"state", number},
                                    {"from_at", number},
                                    {"until_at", number},
                                    {"meta"},
                                    {"created_at", number},
                                    {"change_at", number}};
constexpr CopiedColumn kInboxes[] = {
    {"user_id"}, {"last_seq", number}, {"held", number}, {"unread", number}, {"version", number}};
constexpr CopiedColumn kNotifications[] = {
    {"user_id"}, {"seq", number}, {"id"}, {"key"}, {"kind"}, {"data"}, {"created_at", number}, {"read_at", number}};
constexpr CopiedColumn kKeys[] = {{"user_id"}, {"key"}, {"at", number}};

constexpr CopiedTable kTables[] = {{"users", kUsers},
                                   {"identities", kIdentities},
                                   {"sessions", kSessions},
                                   {"control_log", kControlLog},
                                   {"used_nonces", kUsedNonces},
                                   {"audit", kAudit},
                                   {"positions", kPositions},
                                   {"restores", kRestores},
                                   {"grant_holders", kHolders},
                                   {"grants", kGrants},
                                   {"inboxes", kInboxes},
                                   {"notifications", kNotifications},
                                   {"notification_keys", kKeys}};

/// Length of the UTF-8 sequence that `text` begins with; 0: it begins with none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

/// COPY's text form: a row a line, values between tabs, \N for null.
void append_row(std::string& out, const CopiedTable& table, const CopiedRow& row, std::uint64_t& mended) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += '\t';
    if (!row[i]) {
      out += "\\N";
      continue;
    }
    const std::string& value = *row[i];
    switch (table.columns[i].as) {
      case number: out += value; break;
      case flag: out += value == "0" ? 'f' : 't'; break;
      case hex: out += "\\\\x" + value; break;
      case text:
        for (const char c : clean_text(value, mended)) {
          switch (c) {
            case '\\': out += "\\\\"; break;
            case '\t': out += "\\t"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            default: out += c;
          }
        }
    }
  }
  out += '\n';
}

std::string table_names() {
  std::string out;
  for (const CopiedTable& table : kTables) out += fmt::format("{}gatecast.{}", out.empty() ? "" : ", ", table.name);
  return out;
}

/// Others of this program that are connected to the database, as far as the role may see them.
Result<void> check_alone(Blocking& target, const Target& place) {
  // Behind a pooler connections of servers that have ended stay open for a while.
  if (!place.url().prepared) return {};
  Result<std::int64_t> others = 0;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    others = target.number("servers connected",
                           "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()"
                           " AND application_name = current_setting('application_name')"
                           " AND pid <> pg_backend_pid()");
    if (!others) return others.error();
    if (*others == 0) return {};
  }
  return fail(Errc::store_in_use, fmt::format("{} connections of gatecast are open", *others));
}

Result<void> check_empty(Blocking& target) {
  std::string held;
  for (const CopiedTable& table : kTables) {
    auto rows = target.number("rows of the target", fmt::format("SELECT count(*) FROM gatecast.{}", table.name));
    if (!rows) return rows.error();
    if (*rows > 0) held += fmt::format("{}{} {}", held.empty() ? "" : ", ", *rows, table.name);
  }
  return held.empty() ? Result<void>{} : fail(Errc::store_not_empty, held);
}

/// Nothing else changes the tables until the transaction ends; the work may take its time.
Result<void> begin_alone(Blocking& target) {
  auto begun = target.query("begin",
                            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 0;"
                            "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL synchronous_commit = on;"
                            "SET LOCAL lock_timeout = '5s'; SET LOCAL search_path = pg_catalog, pg_temp");
  if (!begun) return begun.error();
  auto locked = target.query("lock", fmt::format("LOCK TABLE {} IN EXCLUSIVE MODE", table_names()));
  if (locked) return {};
  if (target.sqlstate() == "55P03") return fail(Errc::store_in_use, "others hold its tables");
  return locked.error();
}

class Copying {
 public:
  Copying(CopySource& source, const CopyOptions& options) : source_(source), options_(options) {}

  /// Reads a table, and sends it where `target` is one.
  Result<void> table(const CopiedTable& table, Blocking* target) {
    auto expected = source_.count(table);
    if (!expected) return expected.error();
    if (target != nullptr) {
      std::string columns;
      for (const auto& column : table.columns) columns += fmt::format("{}{}", columns.empty() ? "" : ", ", column.name);
      auto begun = target->copy_begin(
          table.name,
          fmt::format("COPY gatecast.{} ({}) FROM STDIN (FORMAT text, ENCODING 'UTF8')", table.name, columns));
      if (!begun) return begun;
    }
    std::uint64_t rows = 0;
    std::string piece;
    auto sent = source_.read(table, [&](const CopiedRow& row) -> Result<void> {
      append_row(piece, table, row, report_.mended);
      if (++rows % kProgressRows == 0 && options_.progress) options_.progress(table.name, rows, *expected);
      return piece.size() < kPieceBytes ? Result<void>{} : send(piece, target);
    });
    if (sent && !piece.empty()) sent = send(piece, target);
    if (!sent) return sent;
    if (target != nullptr) {
      auto arrived = target->copy_end();
      if (!arrived) return arrived.error();
      if (*arrived != rows) return wrong(table, rows, *arrived);
    }
    if (rows != *expected) return wrong(table, *expected, rows);
    if (options_.progress) options_.progress(table.name, rows, *expected);
    report_.tables.push_back({table.name, rows});
    return {};
  }

  /// What is there now is what was read.
  Result<void> compare(Blocking& target) {
    for (std::size_t i = 0; i < report_.tables.size(); ++i) {
      const auto& copied = report_.tables[i];
      auto there = target.number("count", fmt::format("SELECT count(*) FROM gatecast.{}", copied.name));
      if (!there) return there.error();
      const auto rows = static_cast<std::uint64_t>(*there);
      if (rows != copied.rows) return wrong(kTables[i], copied.rows, rows);
    }
    return {};
  }

  CopyReport& report() { return report_; }

 private:
  static Result<void> send(std::string& piece, Blocking* target) {
    Result<void> done = target != nullptr ? target->copy_data(piece) : Result<void>{};
    piece.clear();
    return done;
  }
  static Error wrong(const CopiedTable& table, std::uint64_t expected, std::uint64_t seen) {
    return fail(Errc::store_failed, fmt::format("{}: {} rows instead of {}", table.name, seen, expected));
  }

  CopySource& source_;
  const CopyOptions& options_;
  CopyReport report_{};
};

/// Numbers go on where the source's end.
Result<void> set_sequences(Blocking& target, std::uint64_t control_seq) {
  auto set = target.query(
      "sequences",
      fmt::format("SELECT setval('gatecast.audit_seq', greatest((SELECT last_value FROM gatecast.audit_seq),"
                  " (SELECT max(seq) FROM gatecast.audit))),"
                  " setval('gatecast.control_seq', greatest((SELECT last_value FROM gatecast.control_seq), {},"
                  " (SELECT max(seq) FROM gatecast.control_log))),"
                  " setval(pg_get_serial_sequence('gatecast.sessions', 'made'),"
                  " greatest(1, (SELECT max(made) FROM gatecast.sessions)))",
                  control_seq));
  if (!set) return set.error();
  return {};
}

Result<void> write_all(Copying& copying, CopySource& source, const Target& place, const CopyOptions& options) {
  auto migrated = migrate(place, options.deadline);
  if (!migrated) return migrated.error();
  auto target = Blocking::open(place, options.deadline);
  if (!target) return target.error();
  if (auto alone = check_alone(*target, place); !alone) return alone;
  if (auto begun = begin_alone(*target); !begun) return begun;
  if (auto empty = check_empty(*target); !empty) return empty;
  for (const CopiedTable& table : kTables) {
    if (auto copied = copying.table(table, &*target); !copied) return copied;
  }
  auto control_seq = source.control_seq();
  if (!control_seq) return control_seq.error();
  if (auto set = set_sequences(*target, *control_seq); !set) return set;
  if (auto same = copying.compare(*target); !same) return same;
  auto committed = target->query("commit", "COMMIT");
  if (!committed) return committed.error();
  if (committed->tag() != "COMMIT") return fail(Errc::store_failed, "commit: undone");
  // Without it the first queries would be planned as for empty tables; PostgreSQL does it by itself a minute later.
  static_cast<void>(target->query("analyze", fmt::format("ANALYZE {}", table_names())));
  return {};
}

/// The target as it stands, without making anything in it.
Result<void> look_only(const Target& place, const CopyOptions& options) {
  auto target = Blocking::open(place, options.deadline);
  if (!target) return target.error();
  auto state = schema_state(target->get());
  if (!state) return state.error();
  if (state->version > 0) return check_empty(*target);
  auto may = target->text("rights",
                          "SELECT has_database_privilege(current_database(), 'CREATE') OR EXISTS"
                          " (SELECT 1 FROM pg_namespace WHERE nspname = 'gatecast'"
                          " AND has_schema_privilege(oid, 'CREATE'))");
  if (!may) return may.error();
  return *may == "t" ? Result<void>{} : fail(Errc::store_failed, "the role may not create the schema gatecast");
}

}  // namespace

std::span<const CopiedTable> copied_tables() { return kTables; }

std::string clean_text(std::string_view text, std::uint64_t& mended) {
  std::string out;
  bool changed = false;
  while (!text.empty()) {
    const std::size_t length = text.front() == '\0' ? 0 : sequence(text);
    if (length > 0) {
      out += text.substr(0, length);
    } else {
      if (text.front() != '\0') out += "\xEF\xBF\xBD";
      changed = true;
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  if (changed) ++mended;
  return out;
}

Result<CopyReport> copy_store(CopySource& source, const Target& target, const CopyOptions& options) {
  Copying copying(source, options);
  if (options.dry_run) {
    if (auto seen = look_only(target, options); !seen) return seen.error();
    for (const CopiedTable& table : kTables) {
      if (auto read = copying.table(table, nullptr); !read) return read.error();
    }
  } else if (auto written = write_all(copying, source, target, options); !written) {
    return written.error();
  }
  return std::move(copying.report());
}

Result<void> mark_restored(const Target& place, std::chrono::milliseconds deadline) {
  auto migrated = migrate(place, deadline);
  if (!migrated) return migrated.error();
  auto target = Blocking::open(place, deadline);
  if (!target) return target.error();
  if (auto alone = check_alone(*target, place); !alone) return alone;
  if (auto begun = begin_alone(*target); !begun) return begun;
  // Versions that were given since the backup mean other grants, and other inboxes: a client that has one must not find
  // it current.
  auto marked = target->query(
      "restored",
      fmt::format(
          "INSERT INTO gatecast.restores (at) VALUES (floor(extract(epoch FROM clock_timestamp()) * 1000));"
          "SELECT setval('gatecast.audit_seq', {0} + greatest((SELECT last_value FROM gatecast.audit_seq),"
          " (SELECT max(seq) FROM gatecast.audit)));"
          "SELECT setval('gatecast.control_seq', {0} + greatest((SELECT last_value FROM gatecast.control_seq),"
          " (SELECT max(seq) FROM gatecast.control_log)));"
          "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
          " VALUES (floor(extract(epoch FROM clock_timestamp()) * 1000), 'store_restored', '', '', '', '', '', 1);"
          "UPDATE gatecast.grant_holders SET version = version + {0};"
          "UPDATE gatecast.inboxes SET version = version + {0}",
          kSeqStep));
  if (!marked) return marked.error();
  auto committed = target->query("commit", "COMMIT");
  if (!committed) return committed.error();
  return {};
}

}  // namespace gatecast::postgres
