#include "store/postgres_url.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gatecast::store {
namespace {

std::string words(const PostgresUrl& url) {
  std::string out;
  for (const auto& word : url.words) {
    if (word.name == "client_encoding" || word.name == "application_name") continue;
    if (word.name == "target_session_attrs" && word.value.expose() == "read-write") continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", word.name, word.value.expose());
  }
  return out;
}
std::string said(const std::vector<PostgresUrl::Remark>& remarks) {
  std::string out;
  for (const auto& remark : remarks) out += remark.text + ": " + remark.cure + "\n";
  return out;
}
PostgresUrl good(std::string_view text) {
  auto url = parse_postgres_url(text);
  EXPECT_TRUE(url.ok()) << text << "\n" << said(url.problems);
  return url;
}
std::string refusal(std::string_view text) {
  const auto url = parse_postgres_url(text);
  EXPECT_FALSE(url.ok()) << text;
  return said(url.problems);
}

TEST(PostgresUrl, IsTakenApart) {
  EXPECT_EQ(words(good("postgresql://app:p%40ss%2F%25@db.example:6432/shop")),
            "user=app password=p@ss/% host=db.example port=6432 dbname=shop");
  EXPECT_EQ(words(good("postgres://app@db/shop?sslmode=verify-full&sslrootcert=/ca.pem")),
            "user=app host=db dbname=shop sslmode=verify-full sslrootcert=/ca.pem");
  const auto url = good("postgresql://app@db/shop");
  EXPECT_EQ(url.find("target_session_attrs"), "read-write");
  EXPECT_EQ(url.find("client_encoding"), "UTF8");
  EXPECT_EQ(url.find("application_name"), "gatecast");
  EXPECT_TRUE(url.prepared);
  EXPECT_FALSE(url.connections.has_value());
  EXPECT_EQ(good("postgresql://a@b/c?application_name=two").find("application_name"), "two");
}

TEST(PostgresUrl, HostsAreNamesAddressesAndSockets) {
  EXPECT_EQ(words(good("postgresql://a@one:1,[2001:db8::1]:2,three/c?target_session_attrs=primary")),
            "user=a host=one,2001:db8::1,three port=1,2, dbname=c target_session_attrs=primary");
  EXPECT_EQ(words(good("postgresql://a@[::1]/c")), "user=a host=::1 dbname=c");
  EXPECT_EQ(words(good("postgresql://a@%2Frun%2Fpostgresql/c")), "user=a host=/run/postgresql dbname=c");
  EXPECT_EQ(words(good("postgresql://a@localhost/c?host=/run/postgresql")), "user=a host=/run/postgresql dbname=c");
  EXPECT_EQ(words(good("postgresql:///c?host=/run/postgresql&user=a&port=5433")),
            "dbname=c host=/run/postgresql user=a port=5433");
  for (const char* bad : {"postgresql://a@[::1/c", "postgresql://a@[::1]5/c", "postgresql://a@::1/c",
                          "postgresql://a@b:0/c", "postgresql://a@b:65536/c", "postgresql://a@b:x/c",
                          "postgresql://a@b%2Cd/c", "postgresql://a@h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,h/c"}) {
    refusal(bad);
  }
}

TEST(PostgresUrl, PrismasParametersAreUnderstoodOrNamed) {
  const auto url = good(
      "postgresql://app:x@db:6432/shop?schema=public&connection_limit=5&pool_timeout=10&pgbouncer=true"
      "&connect_timeout=30&socket_timeout=5&statement_cache_size=100&sslaccept=strict&sslcert=ca.pem"
      "&max_idle_connection_lifetime=30");
  EXPECT_EQ(url.connections, 5U);
  EXPECT_FALSE(url.prepared);
  EXPECT_EQ(url.connect_timeout, std::chrono::seconds(30));
  EXPECT_EQ(words(url), "user=app password=x host=db port=6432 dbname=shop sslrootcert=ca.pem sslmode=verify-full");
  for (const char* name : {"schema: ", "pool_timeout: ", "socket_timeout: ", "statement_cache_size: ", "sslcert: ",
                           "max_idle_connection_lifetime: "}) {
    EXPECT_NE(said(url.notes).find(name), std::string::npos) << name << "\n" << said(url.notes);
  }
  EXPECT_EQ(url.notes.size(), 6U) << said(url.notes);
  EXPECT_FALSE(good("postgresql://a@b/c?statement_cache_size=0").prepared);
  EXPECT_TRUE(good("postgresql://a@b/c?pgbouncer=false").prepared);
  EXPECT_EQ(good("postgresql://a@b/c?sslaccept=accept_invalid_certs&sslmode=require").find("sslmode"), "require");
  EXPECT_EQ(good("postgresql://a@b/c?sslaccept=accept_invalid_certs&sslmode=verify-full").find("sslmode"),
            "verify-full");
  EXPECT_EQ(good("postgresql://a@b/c?ssl=true").find("sslmode"), "require");
  EXPECT_EQ(good("postgresql://a@b/c?sslmode=verify-full&ssl=true").find("sslmode"), "verify-full");
}

TEST(PostgresUrl, ACertificateIsTheClientsOrTheAuthorities) {
  EXPECT_EQ(words(good("postgresql://a@b/c?sslcert=me.pem&sslkey=me.key&sslpassword=p")),
            "user=a host=b dbname=c sslkey=me.key sslpassword=p sslcert=me.pem");
  EXPECT_NE(refusal("postgresql://a@b/c?sslcert=ca.pem").find("sslrootcert=FILE"), std::string::npos);
  EXPECT_NE(refusal("postgresql://a@b/c?sslidentity=me.p12").find("pkcs12"), std::string::npos);
}

TEST(PostgresUrl, WhatCannotBeKeptToIsRefused) {
  for (const char* bad : {"postgresql://a@b/c?sslmode=no-verify",
                          "postgresql://a@b/c?ssl=false",
                          "postgresql://a@b/c?replication=true",
                          "postgresql://a@b/c?service=x",
                          "postgresql://a@b/c?require_auth=scram-sha-256",
                          "postgresql://a@b/c?load_balance_hosts=random",
                          "postgresql://a@b/c?target_session_attrs=read-only",
                          "postgresql://a@b/c?client_encoding=LATIN1",
                          "postgresql://a@b/c?nonsense=1",
                          "postgresql://a@b/c?pgbouncer=1",
                          "postgresql://a@b/c?connection_limit=many",
                          "postgresql://a@b/c?connection_limit=-1",
                          "postgresql://a@b/c?sslmode",
                          "postgresql://a@b/c?sslmode=require&sslmode=disable",
                          "postgresql://a@b",
                          "postgresql://a@b/",
                          "postgresql://b/c",
                          "postgresql://a@b/c/d",
                          "postgresql://a@b/c%",
                          "postgresql://a@b/c%0",
                          "postgresql://a@b/c%00",
                          "postgresql://a@b/c d",
                          "mysql://a@b/c",
                          "postgresql:a@b/c",
                          "",
                          "\"postgresql://a@b/c\"",
                          "postgresql://a@b/c?sslaccept=maybe"}) {
    refusal(bad);
  }
  EXPECT_NE(refusal("'postgresql://a@b/c'").find("docker --env-file"), std::string::npos);
  EXPECT_NE(refusal("postgresql://a@b/c?nonsense=1").find("nonsense"), std::string::npos);
}

TEST(PostgresUrl, APasswordThatIsNotEncodedIsNamedAndNeverShown) {
  for (const char* bad :
       {"postgresql://app:hun@ter2@db/shop", "postgresql://app:hun/ter2@db/shop", "postgresql://app:hun?ter2@db/shop",
        "postgresql://app:hun#ter2@db/shop", "postgresql://app:hun:ter2@db/shop", "postgresql://app:hun%ter2@db/shop",
        "postgresql://app:hun ter2@db/shop", "postgresql://app:hun?ter2=x@db/shop",
        "postgresql://app:hun/x?ter2=1@db/shop", "postgresql://app:x@db/shop?password=hun%ter2",
        "postgresql://app:x@db/shop?sslmode=hunter2", "postgresql://app:x@db/shop?hun.ter2=1"}) {
    const std::string text = refusal(bad);
    EXPECT_EQ(text.find("ter2"), std::string::npos) << bad << "\n" << text;
    EXPECT_EQ(text.find("hun"), std::string::npos) << bad << "\n" << text;
  }
}

TEST(PostgresUrl, CutAnywhereItNeitherFailsNorShowsThePassword) {
  const std::string whole =
      "postgresql://app:hunter2%40@one:5432,[::1]:5433/shop?schema=public&sslmode=require&connection_limit=3";
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const auto url = parse_postgres_url(std::string_view(whole).substr(0, n));
    EXPECT_EQ((said(url.problems) + said(url.notes)).find("hunter"), std::string::npos) << n;
    if (n == whole.size()) EXPECT_TRUE(url.ok());
  }
}

}  // namespace
}  // namespace gatecast::store
