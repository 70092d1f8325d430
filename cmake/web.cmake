# The pages of web/, built by Vite on the locked Node and carried by the program as bytes: target gatecast_web, header
# web/pages.hpp. Building needs no network: ./dev setup web has fetched what web/package-lock.json names. A tree that
# comes with web/dist (a source package) is built from that and needs no Node.
set(web_dir ${CMAKE_SOURCE_DIR}/web)
set(web_node ${CMAKE_SOURCE_DIR}/tools/node/node_modules/.bin/node)
set(web_vite ${web_dir}/node_modules/vite/bin/vite.js)
set(web_embed ${CMAKE_SOURCE_DIR}/cmake/embed_pages.py)
set(web_generated ${GATECAST_GENERATED}/web)

file(MAKE_DIRECTORY ${web_generated})
configure_file(${CMAKE_SOURCE_DIR}/cmake/pages.hpp ${web_generated}/pages.hpp COPYONLY)

if(EXISTS ${web_node} AND EXISTS ${web_vite})
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${web_dir}/src/*)
  file(GLOB web_pages CONFIGURE_DEPENDS ${web_dir}/*.html ${web_dir}/test/*.html)
  set(web_dist ${CMAKE_BINARY_DIR}/web)
  # The registry's sentences.
  list(APPEND web_sources ${CMAKE_SOURCE_DIR}/sdk/gatecast/src/codes.ts ${CMAKE_SOURCE_DIR}/sdk/gatecast/src/causes.ts)
  list(APPEND web_sources ${web_pages} ${web_dir}/vite.config.ts ${web_dir}/package-lock.json)
  set(web_build COMMAND ${CMAKE_COMMAND} -E chdir ${web_dir}
                ${web_node} ${web_vite} build --logLevel warn --outDir ${web_dist})
elseif(EXISTS ${web_dir}/dist/demo.html)
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${web_dir}/dist/*)
  set(web_dist ${web_dir}/dist)
  set(web_build)
else()
  message(FATAL_ERROR "The tools that build the pages are missing. Run: ./dev setup web")
endif()

add_custom_command(OUTPUT ${web_generated}/pages.cpp
  ${web_build}
  COMMAND ${Python3_EXECUTABLE} ${web_embed} ${web_dist} ${web_generated}/pages.cpp
  DEPENDS ${web_sources} ${web_embed}
  COMMENT "web: pages" VERBATIM)
add_library(gatecast_web ${web_generated}/pages.cpp)
target_include_directories(gatecast_web PRIVATE ${GATECAST_GENERATED})
