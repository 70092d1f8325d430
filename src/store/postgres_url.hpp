// A PostgreSQL URL as people have it – libpq's, Prisma's – taken apart into what libpq is told and what this program
// does with the rest.
//
// Place: read by the configuration's check and by adapters/postgres; knows no libpq. Pure; any thread. What is
// understood and has no effect here is in `notes`, what cannot be kept to is in `problems`: nothing is dropped without
// a word. Neither shows a value that could be a password. Bounds: 4096 bytes, 16 hosts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"

namespace gatecast::store {

struct PostgresUrl {
  /// One of libpq's keywords.
  struct Word {
    std::string name;
    Secret value;
  };
  struct Remark {
    std::string text;  // what is so
    std::string cure;  // what to do, or what happens instead
  };

  std::vector<Word> words{};
  std::optional<std::uint32_t> connections{};             // connection_limit
  std::optional<std::chrono::seconds> connect_timeout{};  // none: the operation's deadline
  bool prepared = true;                                   // false: a pooler gives each transaction another connection
  std::vector<Remark> problems{};
  std::vector<Remark> notes{};

  bool ok() const { return problems.empty(); }
  /// The keyword's value; empty where it is not there.
  std::string_view find(std::string_view name) const;
};

PostgresUrl parse_postgres_url(std::string_view url);

}  // namespace gatecast::store
