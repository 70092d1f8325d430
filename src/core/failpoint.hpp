// Named places where a test may kill the process: `GATECAST_FAILPOINT("signin.committed")`.
//
// In trees built with GATECAST_FAILPOINTS the variable GATECAST_FAILPOINT_KILL=name[:n] makes the n-th pass of that
// place raise SIGKILL on the process, as `kill -9` there would; in release builds the macro is nothing.
#pragma once

#ifdef GATECAST_FAILPOINTS
namespace gatecast {
void failpoint(const char* name);
}
#define GATECAST_FAILPOINT(name) ::gatecast::failpoint(name)
#else
#define GATECAST_FAILPOINT(name) static_cast<void>(0)
#endif
