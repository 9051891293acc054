# The golden steps with kernels that work by groups, whatever the device is, in both kinds of matrix products.
foreach(gemm own clblast)
  add_test(NAME replay-groups-${gemm} COMMAND ${replay_golden} --gemm ${gemm})
  set_tests_properties(replay-groups-${gemm} PROPERTIES SKIP_RETURN_CODE 77
                                                            ENVIRONMENT "${device_environment};IJEPA_IMPL=tile group")
endforeach()

# The golden steps with every implementation of every operation.
add_test(NAME replay-implementations COMMAND ${replay_golden} --implementations)
set_tests_properties(replay-implementations PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

# Every kernel with the compilers of three vendors, as far as they are installed. Without NVIDIA's own, PTX is built.
foreach(vendor intel amd nvidia)
  execute_process(COMMAND ${IJEPA_BASH} ${PROJECT_SOURCE_DIR}/tools/portability --missing ${vendor}
                  OUTPUT_VARIABLE missing OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(test portability-${vendor})
  if(missing STREQUAL "no ptxas")
    set(test "${test} (in part skipped: ${missing})")
  elseif(missing)
    skipped_test(${test} "${missing}")
    continue()
  endif()
  add_test(NAME "${test}" COMMAND ${PROJECT_SOURCE_DIR}/tools/portability ${PROJECT_BINARY_DIR} ${vendor})
  set_tests_properties("${test}" PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1500)
  if(missing)
    set_tests_properties("${test}" PROPERTIES LABELS skipped)
  endif()
endforeach()
