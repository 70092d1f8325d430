// Sockets of this machine alone: a name in a folder, for the user who runs the server and for root.
//
// Place: the control socket listens on one, commands connect to it. The folder is opened first and the name reached
// through it, since a socket's path may not be longer than 107 bytes. Threads: any. Errors: store_failed with errno's
// text, not_found where nobody listens.
#pragma once

#include <string>

#include "net/socket.hpp"

namespace gatecast::net {

/// Listens under `folder`/`name`, mode 0600, non-blocking. What lies there is removed: the caller holds the folder's
/// lock, so it is what a server that was killed left behind.
Result<Fd> listen_local(const std::string& folder, const std::string& name);
/// A blocking connection.
Result<Fd> connect_local(const std::string& folder, const std::string& name);

struct LocalPeer {
  Fd fd;
  unsigned uid = 0;  // of the process that connected, as the kernel says
};
/// One waiting connection, non-blocking; `fd` is empty where none waits.
LocalPeer accept_local(int listener);
void remove_local(const std::string& folder, const std::string& name);

}  // namespace gatecast::net
