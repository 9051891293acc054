# Tests of the engine's files and of the tools. Included by tests/CMakeLists.txt.
add_executable(test_safetensors test_safetensors.c)
target_link_libraries(test_safetensors PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME safetensors COMMAND test_safetensors)

find_package(ZLIB REQUIRED)
add_executable(test_model_file test_model_file.c)
target_link_libraries(test_model_file PRIVATE ij_engine PkgConfig::CMOCKA ZLIB::ZLIB)
target_compile_definitions(test_model_file PRIVATE IJEPA_TESTS="${CMAKE_CURRENT_LIST_DIR}")
add_test(NAME model_file COMMAND test_model_file)

add_executable(test_checkpoint test_checkpoint.c)
target_link_libraries(test_checkpoint PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME checkpoint COMMAND test_checkpoint)
set_tests_properties(checkpoint PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

add_executable(test_golden test_golden.c ${PROJECT_SOURCE_DIR}/tools/golden.c)
target_link_libraries(test_golden PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME golden COMMAND test_golden)

add_executable(test_ridge test_ridge.c ${PROJECT_SOURCE_DIR}/tools/ridge.c)
target_link_libraries(test_ridge PRIVATE ij_base PkgConfig::CMOCKA)
add_test(NAME ridge COMMAND test_ridge)

add_executable(test_idx2jpeg test_idx2jpeg.c)
target_link_libraries(test_idx2jpeg PRIVATE ij_flags JPEG::JPEG PkgConfig::CMOCKA)
target_compile_definitions(test_idx2jpeg PRIVATE IDX2JPEG="$<TARGET_FILE:idx2jpeg>")
add_dependencies(test_idx2jpeg idx2jpeg)
add_test(NAME idx2jpeg COMMAND test_idx2jpeg)

add_executable(test_step_gaps test_step_gaps.c ${PROJECT_SOURCE_DIR}/tools/bench/waits.c)
target_link_libraries(test_step_gaps PRIVATE ij_engine PkgConfig::CMOCKA m)
add_test(NAME step_gaps COMMAND test_step_gaps)

add_test(NAME bench COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_bench.sh $<TARGET_FILE:bench>
                            ${PROJECT_SOURCE_DIR}/ini)
set_tests_properties(bench PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

# The numbers that every build must reproduce, with both kinds of matrix products. Where the golden files or a device are
# missing the test is there all the same, says so and is skipped.
set(IJEPA_GOLDEN "${PROJECT_SOURCE_DIR}/../shared/golden" CACHE PATH "Folder of golden training steps (*.safetensors)")
set(replay_golden ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_replay.sh $<TARGET_FILE:replay> ${IJEPA_GOLDEN})
foreach(gemm own clblast)
  add_test(NAME replay-${gemm} COMMAND ${replay_golden} --gemm ${gemm})
  set_tests_properties(replay-${gemm} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
endforeach()

# Model files, for tools/fuzz; fuzz_seeds takes its seeds from those that are committed.
if(IJEPA_FUZZ)
  foreach(name safetensors torch_file model_file)
    add_executable(fuzz_${name} ${CMAKE_CURRENT_LIST_DIR}/fuzz_${name}.c ${CMAKE_CURRENT_LIST_DIR}/fuzz_model.c)
    target_link_libraries(fuzz_${name} PRIVATE ij_engine)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
  target_link_libraries(fuzz_seeds PRIVATE ij_engine)
  target_compile_definitions(fuzz_seeds PRIVATE IJEPA_TESTS="${CMAKE_CURRENT_LIST_DIR}")
endif()
