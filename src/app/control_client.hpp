// Asks the server that runs on a data folder, through its control socket.
//
// Place: the operators' commands use it. Threads: any one; calls block, at most kAnswerTime for each answer.
// Errors: not_found where no server runs there; what the server refuses, with its detail; store_failed where the
// connection breaks.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "net/socket.hpp"

namespace gatecast::app {

class ControlClient {
 public:
  static constexpr std::chrono::seconds kAnswerTime{120};

  static Result<ControlClient> connect(const std::string& data_dir);
  /// The result's JSON.
  Result<std::string> call(std::string_view method, std::string_view params);

 private:
  explicit ControlClient(net::Fd fd) : fd_(std::move(fd)) {}
  Result<std::string> exchange(std::string line);

  net::Fd fd_;
};

}  // namespace gatecast::app
