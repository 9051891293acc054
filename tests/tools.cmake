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
target_link_libraries(test_checkpoint PRIVATE ij_test_model)
add_test(NAME checkpoint COMMAND test_checkpoint)
set_tests_properties(checkpoint PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

add_executable(test_golden test_golden.c ${PROJECT_SOURCE_DIR}/tools/golden.c)
target_link_libraries(test_golden PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME golden COMMAND test_golden)

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

# Scripts of tools/, with stand-ins for what they run.
add_test(NAME race COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_race.sh ${PROJECT_SOURCE_DIR}/tools/race)
add_test(NAME race_peer COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_race_peer.sh
                                ${PROJECT_SOURCE_DIR}/tools/peer/bench_torch.py)
set_tests_properties(race_peer PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME race_embed COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_race_embed.sh
                                 ${PROJECT_SOURCE_DIR}/tools/race-embed)
add_test(NAME run_tests COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_run_tests.sh
                                ${PROJECT_SOURCE_DIR}/tools/run-tests)

# The numbers that every build must reproduce, with both kinds of matrix products: tests/golden, and what lies in
# IJEPA_GOLDEN. Where nothing was asked for and nothing lies beside the repository, there is nothing more to replay.
set(beside "${PROJECT_SOURCE_DIR}/../shared/golden")
set(IJEPA_GOLDEN "${beside}" CACHE PATH "Folder of more golden training steps (*.safetensors) to replay")
file(GLOB more_golden ${IJEPA_GOLDEN}/*.safetensors)
if(NOT more_golden AND NOT IJEPA_GOLDEN STREQUAL beside)
  message(FATAL_ERROR "IJEPA_GOLDEN: there are no golden training steps (*.safetensors) in ${IJEPA_GOLDEN}")
endif()
set(replay_golden ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_replay.sh $<TARGET_FILE:replay>
                  ${CMAKE_CURRENT_LIST_DIR}/golden ${IJEPA_GOLDEN})
foreach(gemm own clblast)
  add_test(NAME replay-${gemm} COMMAND ${replay_golden} --gemm ${gemm})
  set_tests_properties(replay-${gemm} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
endforeach()
foreach(images 1 2)
  add_test(NAME replay-micro${images} COMMAND ${replay_golden} --micro-batch ${images})
  set_tests_properties(replay-micro${images} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
endforeach()
add_test(NAME replay-less-memory COMMAND ${replay_golden} --recompute --offload --micro-batch 1)
set_tests_properties(replay-less-memory PROPERTIES SKIP_RETURN_CODE 77
                                                   ENVIRONMENT "${device_environment};IJEPA_MEMORY=discrete")
add_test(NAME replay-discrete COMMAND ${replay_golden})
set_tests_properties(replay-discrete PROPERTIES SKIP_RETURN_CODE 77
                                                ENVIRONMENT "${device_environment};IJEPA_MEMORY=discrete")

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
