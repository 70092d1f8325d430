# Programs that kill themselves and look at what is left.
add_executable(gatecast_store_crash ${CMAKE_CURRENT_SOURCE_DIR}/crash/store_crash.cpp)
add_dependencies(gatecast_store_crash gatecast_schema)
gatecast_see(gatecast_store_crash core store adapters/sqlite)
target_link_libraries(gatecast_store_crash PRIVATE SQLite::SQLite3 fmt::fmt)
target_precompile_headers(gatecast_store_crash REUSE_FROM gatecast_core)
add_test(NAME crash/store COMMAND gatecast_store_crash)
set_tests_properties(crash/store PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
