# Compiler flags: one flavour a tree.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One form of code for libraries and programs, so that they share precompiled headers.
add_compile_options(-fPIC)

find_program(GATECAST_CCACHE ccache)
if(GATECAST_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${GATECAST_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wthread-safety
                    -Wno-missing-field-initializers -Werror -fno-omit-frame-pointer -Xclang -fno-pch-timestamp)
add_link_options(--ld-path=/usr/bin/ld.lld-19)
if(BUILD_SHARED_LIBS)
  # Every layer must link against exactly the layers it names: an undefined symbol is an arrow that points up.
  add_link_options(-Wl,-z,defs)
endif()

if(GATECAST_FLAVOUR STREQUAL "check" OR GATECAST_FLAVOUR STREQUAL "fuzz")
  add_compile_options(-O1 -g1 -fno-sanitize-recover=all)
  add_compile_definitions(GATECAST_FAILPOINTS=1 _GLIBCXX_ASSERTIONS=1)
  set(sanitize address,undefined)
  if(GATECAST_FLAVOUR STREQUAL "fuzz")
    string(APPEND sanitize ",fuzzer-no-link")
  endif()
  add_compile_options(-fsanitize=${sanitize})
  if(GATECAST_FLAVOUR STREQUAL "check")
    # A check at every access costs a fifth of the compiler's time; ASan sees what they would at nearly all of them, and
    # the fuzzed parsers are built with all.
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
    # Tests, and layers that no traffic passes through, are not optimised: they compile in half the time.
    set(GATECAST_OPTIMISED core metrics crypto http ws protocol token net broker hub session)
  endif()
  add_link_options(-fsanitize=${sanitize})
  if(BUILD_SHARED_LIBS)
    add_link_options(-shared-libasan)
  endif()
elseif(GATECAST_FLAVOUR STREQUAL "tsan")
  add_compile_options(-O1 -g1 -fsanitize=thread)
  add_compile_definitions(GATECAST_FAILPOINTS=1)
  add_link_options(-fsanitize=thread)
elseif(GATECAST_FLAVOUR STREQUAL "release")
  add_compile_options(-O2 -g1 -flto=thin -fstack-protector-strong -D_FORTIFY_SOURCE=2)
  add_compile_definitions(NDEBUG)
  add_link_options(-flto=thin -pie -Wl,-z,relro,-z,now -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto-cache)
  set(GATECAST_ALLOCATOR PkgConfig::jemalloc)
else()
  message(FATAL_ERROR "use a preset: cmake --preset check|release|tsan|fuzz|shared")
endif()
