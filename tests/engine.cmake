# Tests of the kernels, the model and the training step. Included by tests/CMakeLists.txt; needs PkgConfig::CMOCKA.

# checkcl: every kernel variant against plain C; `checkcl FILTER` runs a part.
add_executable(checkcl checkcl.c checkcl_memory.c reference.c test_ops_gemm.c test_ops_layernorm.c test_ops_attention.c
                       test_ops_tokens.c test_ops_loss.c test_ops_optimizer.c test_ops_regularise.c
                       test_ops_probe.c)
target_link_libraries(checkcl PRIVATE ij_engine PkgConfig::CMOCKA m)
set(device_tests "")
set(parts gemm layernorm attention tokens loss optimizer regularise probe)
foreach(part ${parts})
  add_test(NAME ops-${part} COMMAND checkcl ${part})
  list(APPEND device_tests ops-${part})
endforeach()
add_test(NAME ops-cases COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_ops_cases.sh $<TARGET_FILE:checkcl> ${parts})

# Classifiers on frozen features: on the host, and on the device against plain C.
foreach(name ridge probe)
  add_executable(test_${name} test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_engine PkgConfig::CMOCKA m)
  add_test(NAME ${name} COMMAND test_${name})
endforeach()
list(APPEND device_tests probe)

# The model and the training step, on models of a few thousand weights. opencl_spy.c stands in front of OpenCL.
add_library(ij_test_model STATIC test_model_case.c)
target_link_libraries(ij_test_model PUBLIC ij_engine PkgConfig::CMOCKA m)
foreach(name model model_determinism model_index model_params model_state model_errors model_programs encoder training
             training_memory pace limits less_memory share host_memory)
  add_executable(test_${name} test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_test_model)
  add_test(NAME ${name} COMMAND test_${name})
  list(APPEND device_tests ${name})
endforeach()
foreach(name model_state model_errors model_programs training_memory pace limits)
  target_sources(test_${name} PRIVATE opencl_spy.c)
  target_link_libraries(test_${name} PRIVATE ${CMAKE_DL_LIBS})
endforeach()
set_source_files_properties(opencl_spy.c PROPERTIES COMPILE_DEFINITIONS _GNU_SOURCE) # for RTLD_NEXT
foreach(name model_state encoder)
  target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tools/golden.c)
  target_compile_definitions(test_${name} PRIVATE IJEPA_TESTS="${CMAKE_CURRENT_LIST_DIR}")
endforeach()
target_link_libraries(test_training PRIVATE ij_test_images)
target_compile_definitions(test_training PRIVATE IJEPA_GOLDEN="${CMAKE_CURRENT_LIST_DIR}/golden")

set_tests_properties(${device_tests} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}") # 77: no device

# Batches as devices with memory of their own get them: through pinned memory, by a copy. CPUs would never go that way.
foreach(name model model_determinism model_state model_errors training training_memory less_memory share)
  add_test(NAME ${name}-discrete COMMAND test_${name})
  set_tests_properties(${name}-discrete PROPERTIES SKIP_RETURN_CODE 77
                                                   ENVIRONMENT "${device_environment};IJEPA_MEMORY=discrete")
endforeach()
