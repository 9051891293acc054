# Tests of the engine's files and of the tools. `environment` is engine.cmake's: what the sanitizers need.
add_executable(test_safetensors test_safetensors.c)
target_link_libraries(test_safetensors PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME safetensors COMMAND test_safetensors)

add_executable(test_checkpoint test_checkpoint.c)
target_link_libraries(test_checkpoint PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME checkpoint COMMAND test_checkpoint)
set_tests_properties(checkpoint PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")

add_executable(test_ridge test_ridge.c ${PROJECT_SOURCE_DIR}/tools/ridge.c)
target_link_libraries(test_ridge PRIVATE ij_base PkgConfig::CMOCKA)
add_test(NAME ridge COMMAND test_ridge)

add_executable(test_idx2jpeg test_idx2jpeg.c)
target_link_libraries(test_idx2jpeg PRIVATE ij_flags JPEG::JPEG PkgConfig::CMOCKA)
target_compile_definitions(test_idx2jpeg PRIVATE IDX2JPEG="$<TARGET_FILE:idx2jpeg>")
add_dependencies(test_idx2jpeg idx2jpeg)
add_test(NAME idx2jpeg COMMAND test_idx2jpeg)

# The numbers that every build must reproduce, with both kinds of matrix products.
set(IJEPA_GOLDEN "${PROJECT_SOURCE_DIR}/../shared/golden" CACHE PATH "Folder of golden training steps (*.safetensors)")
file(GLOB golden_files "${IJEPA_GOLDEN}/*.safetensors")
if(golden_files)
  foreach(gemm own clblast)
    add_test(NAME replay-${gemm} COMMAND replay --gemm ${gemm} ${golden_files})
    set_tests_properties(replay-${gemm} PROPERTIES ENVIRONMENT "${environment}")
  endforeach()
else()
  message(STATUS "No golden training steps in ${IJEPA_GOLDEN}: the replay tests are left out")
endif()
