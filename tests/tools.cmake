# Tests of files and tools that need no device of their own choosing.
if(NOT TARGET PkgConfig::CMOCKA)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

add_executable(test_safetensors test_safetensors.c)
target_link_libraries(test_safetensors PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME safetensors COMMAND test_safetensors)
