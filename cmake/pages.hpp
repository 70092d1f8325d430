// The built pages of web/, as bytes of the program. Constant data: any thread, whole life of the process.
#pragma once

#include <span>
#include <string_view>

namespace gatecast::web {

struct Page {
  std::string_view path;          // "/demo", "/assets/demo-5b3eYO-s.css"
  std::string_view content_type;  // with charset where it is text
  std::string_view etag;          // quoted, as the header carries it
  bool immutable;                 // the path names the content's hash: caches may keep it for ever
  bool on_public, on_ops;         // a page is on one port; an asset on those of the pages that use it
  std::string_view body;
};

/// All pages and their assets, ordered by path.
std::span<const Page> pages();

}  // namespace gatecast::web
