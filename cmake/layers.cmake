# gatecast_layer(name USES layer... LIBS library...): src/<name> as one target with its own include view.
#
# Every layer has a folder build/<preset>/view/<layer> that holds nothing but a link to its sources. A target's
# include path is made of the views of the layers it names, so `#include "hub/hub.hpp"` only compiles where `hub`
# is named. Include paths do not travel from layer to layer; link dependencies do.
#
# Files ending in _test.cpp are the layer's unit tests, one program a layer; TEST_USES of
# gatecast_layer_tests names what only they see.
set(GATECAST_LAYERS "" CACHE INTERNAL "")

function(gatecast_target_of layer out)
  string(REPLACE "/" "_" flat ${layer})
  set(${out} gatecast_${flat} PARENT_SCOPE)
endfunction()

function(gatecast_view layer out)
  string(REPLACE "/" "_" flat ${layer})
  set(${out} ${CMAKE_BINARY_DIR}/view/${flat} PARENT_SCOPE)
endfunction()

# gatecast_precompile(target layer): the headers of cmake/standard.hpp, as its optimisation wants them.
function(gatecast_precompile target layer)
  set(from gatecast_core)
  if(DEFINED GATECAST_OPTIMISED AND NOT layer IN_LIST GATECAST_OPTIMISED)
    target_compile_options(${target} PRIVATE -O0)
    set(from gatecast_store)
  endif()
  if(target STREQUAL from)
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/standard.hpp)
  else()
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

function(gatecast_see target)
  foreach(layer IN LISTS ARGN)
    gatecast_view(${layer} view)
    target_include_directories(${target} PRIVATE ${view})
    gatecast_target_of(${layer} lib)
    if(NOT lib STREQUAL target)
      target_link_libraries(${target} PRIVATE ${lib})
    endif()
  endforeach()
  target_include_directories(${target} PRIVATE ${GATECAST_GENERATED})
endfunction()

function(gatecast_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 L "" "" "USES;LIBS")
  gatecast_target_of(${name} target)
  gatecast_view(${name} view)
  cmake_path(GET name PARENT_PATH parent)
  file(MAKE_DIRECTORY ${view}/${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${view}/${name} SYMBOLIC)

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$|/allocator\\.cpp$")
  if(name STREQUAL "core")
    list(APPEND sources ${GATECAST_GENERATED}/schema/codes.cpp)
  endif()
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/empty/${target}.cpp "namespace gatecast {}\n")
    set(sources ${CMAKE_BINARY_DIR}/empty/${target}.cpp)
  endif()
  add_library(${target} ${sources})
  add_dependencies(${target} gatecast_schema)
  gatecast_see(${target} ${name} ${L_USES})
  # fmt is in the precompiled header of every layer.
  target_link_libraries(${target} PRIVATE ${L_LIBS} fmt::fmt)
  gatecast_precompile(${target} ${name})

  set_property(GLOBAL APPEND PROPERTY GATECAST_LAYERS ${name})
  set_property(GLOBAL PROPERTY GATECAST_USES_${target} "${L_USES}")
  set_property(GLOBAL PROPERTY GATECAST_LIBS_${target} "${L_LIBS}")
endfunction()

# gatecast_layer_tests(name TEST_USES layer... LIBS library...): the layer's *_test.cpp as one program.
function(gatecast_layer_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 T "" "" "TEST_USES;LIBS")
  gatecast_target_of(${name} target)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_test.cpp)
  if(NOT tests)
    return()
  endif()
  get_property(uses GLOBAL PROPERTY GATECAST_USES_${target})
  get_property(libs GLOBAL PROPERTY GATECAST_LIBS_${target})
  add_executable(${target}_test ${tests})
  add_dependencies(${target}_test gatecast_schema)
  gatecast_see(${target}_test ${name} ${uses} ${T_TEST_USES})
  target_link_libraries(${target}_test PRIVATE ${libs} ${T_LIBS} GTest::gtest_main)
  target_compile_options(${target}_test PRIVATE ${GATECAST_TEST_OPTIONS})
  target_precompile_headers(${target}_test REUSE_FROM gatecast_test_pch)
  target_compile_definitions(${target}_test PRIVATE GATECAST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME unit/${name} COMMAND ${target}_test --gtest_brief=1)
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT 300)
endfunction()

function(gatecast_program)
  add_executable(gatecast ${CMAKE_SOURCE_DIR}/src/app/main.cpp ${CMAKE_SOURCE_DIR}/src/app/allocator.cpp)
  get_property(uses GLOBAL PROPERTY GATECAST_USES_gatecast_app)
  gatecast_see(gatecast app ${uses})
  target_link_libraries(gatecast PRIVATE ${GATECAST_ALLOCATOR})
  gatecast_precompile(gatecast app)
endfunction()
