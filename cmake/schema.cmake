# schema/*.toml -> C++. The TypeScript and Markdown forms are kept in the repository and compared by a test.
set(GATECAST_GENERATED ${CMAKE_BINARY_DIR}/generated)
set(schema_inputs ${CMAKE_SOURCE_DIR}/schema/codes.toml ${CMAKE_SOURCE_DIR}/schema/routes.toml
                  ${CMAKE_SOURCE_DIR}/schema/generate.py)
set(schema_outputs ${GATECAST_GENERATED}/schema/codes.hpp ${GATECAST_GENERATED}/schema/codes.cpp
                   ${GATECAST_GENERATED}/schema/routes.hpp)
add_custom_command(OUTPUT ${schema_outputs}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/schema/generate.py cpp ${GATECAST_GENERATED}/schema
  DEPENDS ${schema_inputs} COMMENT "schema: codes and routes" VERBATIM)
add_custom_target(gatecast_schema DEPENDS ${schema_outputs})
