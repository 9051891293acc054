# The golden steps with the GPU family of kernels, whatever the device is, in both kinds of matrix products.
foreach(gemm own clblast)
  add_test(NAME replay-gpu-family-${gemm} COMMAND ${replay_golden} --gemm ${gemm})
  set_tests_properties(replay-gpu-family-${gemm} PROPERTIES SKIP_RETURN_CODE 77
                                                            ENVIRONMENT "${device_environment};IJEPA_FAMILY=gpu")
endforeach()

# Every kernel with the compilers of three vendors, as far as they are installed.
add_test(NAME portability COMMAND ${PROJECT_SOURCE_DIR}/tools/portability ${PROJECT_BINARY_DIR})
set_tests_properties(portability PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1500)
