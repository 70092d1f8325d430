// The command lines of the operators' commands (operators.hpp): what commands.cpp adds to its own.
//
// Place: beside commands.cpp, and like it one of the few files that see the parser. Threads: any one.
#pragma once

#include <optional>

#include "app/operators.hpp"

namespace CLI {
class App;
}

namespace gatecast::app {

/// Adds the commands to the program; `token` is the command that `token mint` stands under. The arguments outlive it.
void add_operator_commands(CLI::App& program, CLI::App& token, OperatorArguments& a);
/// Does the one that was named; nothing where it was none of these.
std::optional<int> run_operator_command(const CLI::App& program, const OperatorArguments& a, const Io& io);

}  // namespace gatecast::app
