# Tests of the configuration, the schedules and the program. Included by tests/CMakeLists.txt.
add_executable(test_config test_config.c)
target_link_libraries(test_config PRIVATE ij_ini ij_engine ij_data PkgConfig::CMOCKA)
target_compile_definitions(test_config PRIVATE IJEPA_PRESETS="${PROJECT_SOURCE_DIR}/ini")
add_test(NAME config COMMAND test_config)

add_executable(test_schedule test_schedule.c)
target_link_libraries(test_schedule PRIVATE ij_engine PkgConfig::CMOCKA m)
target_compile_definitions(test_schedule PRIVATE IJEPA_GOLDEN="${CMAKE_CURRENT_LIST_DIR}/golden")
add_test(NAME schedule COMMAND test_schedule)

# The program as a person would drive it. Its answers to bad input need no device; the runs are skipped without one (77).
foreach(name frontend frontend_runs resume data_command)
  add_test(NAME ${name} COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.sh $<TARGET_FILE:ijepa>
                                ${PROJECT_SOURCE_DIR}/ini)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
endforeach()

add_test(NAME eval COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_eval.sh $<TARGET_FILE:ijepa>
                           ${PROJECT_SOURCE_DIR}/ini $<TARGET_FILE:make_shapes>)
add_test(NAME experiment COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_experiment.sh $<TARGET_FILE:ijepa>
                                 ${PROJECT_SOURCE_DIR}/ini $<TARGET_FILE:make_shapes>
                                 ${PROJECT_SOURCE_DIR}/tools/experiment)
add_test(NAME eval-sklearn COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_eval.sh $<TARGET_FILE:ijepa>
                                   ${PROJECT_SOURCE_DIR}/ini $<TARGET_FILE:make_shapes> judge)
set_tests_properties(eval experiment eval-sklearn PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

add_test(NAME model_commands COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_model_commands.sh
                                     $<TARGET_FILE:ijepa> ${PROJECT_SOURCE_DIR}/ini ${CMAKE_CURRENT_LIST_DIR}/model_files)

add_test(NAME features COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_features.sh $<TARGET_FILE:ijepa>
                               ${PROJECT_SOURCE_DIR}/ini ${CMAKE_CURRENT_LIST_DIR})
add_test(NAME features-torch COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_features_torch.sh
                                     $<TARGET_FILE:ijepa> ${PROJECT_SOURCE_DIR}/ini)
set_tests_properties(features features-torch PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

if(IJEPA_FUZZ)
  add_executable(fuzz_config fuzz_config.c)
  target_link_libraries(fuzz_config PRIVATE ij_ini ij_engine ij_data)
  target_compile_options(fuzz_config PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz_config PRIVATE -fsanitize=fuzzer)
endif()

# System calls that fail, one after the other: a library that stands before the C library's.
add_library(fail_calls MODULE fail_calls.c)
target_link_libraries(fail_calls PRIVATE ${CMAKE_DL_LIBS})
add_test(NAME full_disk COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_full_disk.sh $<TARGET_FILE:ijepa>
                                ${PROJECT_SOURCE_DIR}/ini $<TARGET_FILE:fail_calls>)
set_tests_properties(full_disk PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

# A device that is lost in the middle of a run: a library that stands before OpenCL's.
add_library(fail_opencl MODULE fail_opencl.c)
target_link_libraries(fail_opencl PRIVATE OpenCL::OpenCL ${CMAKE_DL_LIBS})
add_test(NAME lost_device COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_lost_device.sh $<TARGET_FILE:ijepa>
                                  ${PROJECT_SOURCE_DIR}/ini $<TARGET_FILE:fail_opencl>)
set_tests_properties(lost_device PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
