// Gathers what SQLite writes to its log into one write a flush.
//
// Place: between a writing connection and the VFS below it (SQLite's own, or a test's). SQLite writes a log frame as
// two calls, of its head and of its page, so a group of sign-ins is hundreds of system calls; here they are one.
// Threads: one file, one connection, one thread; the registry of names is locked. Only the log is buffered, only on the
// connection that writes it: what another connection may read has been flushed, since SQLite publishes a transaction
// in the log's index after the flush (synchronous=FULL), and every flush writes the buffer first.
// Bounds: kLogBufferBytes, then it is written. Errors: of a write that was put off, by the flush of the same
// transaction, which thereby fails as a whole.
#pragma once

#include <cstddef>
#include <string>

namespace gatecast::sqlite {

inline constexpr std::size_t kLogBufferBytes = 1 << 20;

/// The name of a VFS that does this above VFS `below` (empty: SQLite's default). Registered for good at the first call;
/// empty where `below` is unknown.
std::string log_buffer_over(const std::string& below);

}  // namespace gatecast::sqlite
