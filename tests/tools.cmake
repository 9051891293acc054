# Tests of the engine's files and of the tools.
add_executable(test_safetensors test_safetensors.c)
target_link_libraries(test_safetensors PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME safetensors COMMAND test_safetensors)

add_executable(test_ridge test_ridge.c ${PROJECT_SOURCE_DIR}/tools/ridge.c)
target_link_libraries(test_ridge PRIVATE ij_base PkgConfig::CMOCKA)
add_test(NAME ridge COMMAND test_ridge)
