// The program: hands its arguments and environment to the commands.
#include <iostream>

#include "app/commands.hpp"
#include "app/serve.hpp"

int main(int argc, char** argv) {
  gatecast::app::Io io{std::cout, std::cerr, gatecast::server::process_environment(), gatecast::app::serve};
  return gatecast::app::run_command({argv + (argc > 0 ? 1 : 0), argv + argc}, io);
}
