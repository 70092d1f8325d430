// Key files: PEM text, mode 0600, written whole or not at all.
//
// Place: start-up, `--dev`, `keys new`. Blocking; not for a shard. Bounds: 16 KB a file.
// Errors: `secret_missing` (no such file, not readable, empty), `key_invalid` (content), `store_conflict` (the file is
// there already: a key is never overwritten), `store_failed` (disk, permissions); details name path and reason.
#pragma once

#include <string>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "token/key.hpp"

namespace gatecast::token {

/// `bytes_max`: for files that hold more than a key.
Result<Secret> read_private_file(const std::string& path, std::size_t bytes_max = 16 * 1024);
/// Writes a temporary file beside it, syncs, gives it its name, syncs the folder.
Result<void> write_private_file(const std::string& path, const Secret& bytes);
/// The same over a file that may be there: a rename puts the new one in its place.
Result<void> replace_private_file(const std::string& path, const Secret& bytes);

/// An EdDSA, ES256 or RS256 key from a PEM file.
Result<Key> load_key_file(const std::string& path, std::string kid = {});
/// Makes a new EdDSA, ES256 or RS256 key and writes it; `config_invalid` for symmetric algorithms.
Result<Key> generate_key_file(const std::string& path, Algorithm algorithm);

}  // namespace gatecast::token
