// What the calls and sockets of live_client.hpp ask of libcurl alike.
//
// Place: live_client.cpp and live_socket.cpp alone. Threads: as the handle.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

#include "app/live_client.hpp"

namespace gatecast::app {

/// Certificates, protocols, times; `error` has room for CURL_ERROR_SIZE bytes and outlives the handle, as `place` does.
/// False: this libcurl lacks a setting that is needed.
bool prepare(CURL* handle, const Place& place, std::chrono::milliseconds time, char* error);
/// tls_certificate or outbound_failed with libcurl's reason.
Error curl_error(CURLcode code, const char* error);
/// One line of a reply's head; a status line begins a new head.
void take_header(std::string_view line, HttpReply& reply);

}  // namespace gatecast::app
