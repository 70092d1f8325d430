# Test `layers`: tries every pair of layers with the include paths that the compiler is really given.
get_property(layers GLOBAL PROPERTY GATECAST_LAYERS)
set(table "")
foreach(layer IN LISTS layers)
  gatecast_target_of(${layer} target)
  get_property(uses GLOBAL PROPERTY GATECAST_USES_${target})
  list(JOIN uses " " uses)
  string(APPEND table "${layer}: ${uses}\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/layers.txt CONTENT "${table}" @ONLY)
add_test(NAME layers COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check_layers.py
         ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_CXX_COMPILER})
set_tests_properties(layers PROPERTIES TIMEOUT 120)
