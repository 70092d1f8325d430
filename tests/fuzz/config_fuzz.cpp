// Configuration files of any content end in values or findings, never in a crash; each finding is a line one can print.
#include <cstdlib>

#include "server/config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatecast::server::LoadOptions options;
  options.text = std::string(reinterpret_cast<const char*>(data), size);
  // Nothing is read or made but what the text itself names; that is files of keys, and they are only read.
  options.dev = size % 2 == 1;
  options.make_dev_keys = false;
  auto loaded = gatecast::server::load(options);
  if (loaded.errors() > 0 && gatecast::server::render_findings(loaded.findings).empty()) std::abort();
  if (gatecast::server::render_show(loaded).empty()) std::abort();
  return 0;
}
