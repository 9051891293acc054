# The golden steps with the GPU family of kernels, whatever the device is, in both kinds of matrix products.
foreach(gemm own clblast)
  add_test(NAME replay-gpu-family-${gemm} COMMAND ${replay_golden} --gemm ${gemm})
  set_tests_properties(replay-gpu-family-${gemm} PROPERTIES SKIP_RETURN_CODE 77
                                                            ENVIRONMENT "${device_environment};IJEPA_FAMILY=gpu")
endforeach()

# Every kernel with the compilers of three vendors, as far as they are installed. Without NVIDIA's own, PTX is built.
foreach(vendor intel amd nvidia)
  execute_process(COMMAND ${IJEPA_BASH} ${PROJECT_SOURCE_DIR}/tools/portability --missing ${vendor}
                  OUTPUT_VARIABLE missing OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(missing)
    skipped_test(portability-${vendor} "${missing}")
  endif()
  if(NOT missing OR missing STREQUAL "no ptxas")
    add_test(NAME portability-${vendor} COMMAND ${PROJECT_SOURCE_DIR}/tools/portability ${PROJECT_BINARY_DIR} ${vendor})
    set_tests_properties(portability-${vendor} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1500)
  endif()
endforeach()
