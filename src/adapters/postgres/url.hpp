// What libpq is told about a server: the URL's words and the configuration's authorities.
//
// Place: between store/postgres_url.hpp and Connection. Threads: any. `keywords()` and `values()` end with a null, as
// PQconnectStartParams takes them; they point into the Target and live as long as it. Errors: store_failed with what is
// wrong with the URL, never a value of it.
#pragma once

#include "core/result.hpp"
#include "core/service_url.hpp"
#include "store/postgres_url.hpp"

namespace gatecast::postgres {

class Target {
 public:
  /// `ca_file`: store.ca_file; empty: sslrootcert of the URL, or where certificates are asked for the system's.
  static Result<Target> make(const ServiceUrl& url, const std::string& ca_file);

  std::vector<const char*> keywords() const;
  std::vector<const char*> values() const;
  /// "db.example:5432/app": for logs.
  std::string shown() const;
  const store::PostgresUrl& url() const { return url_; }

 private:
  store::PostgresUrl url_{};
};

}  // namespace gatecast::postgres
