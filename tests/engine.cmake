# Tests of the kernels, the model and the training step. Included by tests/CMakeLists.txt; needs PkgConfig::CMOCKA.

# checkcl: every kernel variant against plain C; `checkcl FILTER` runs a part.
add_executable(checkcl checkcl.c checkcl_memory.c reference.c test_ops_gemm.c test_ops_layernorm.c test_ops_attention.c
                       test_ops_tokens.c test_ops_loss.c test_ops_optimizer.c)
target_link_libraries(checkcl PRIVATE ij_engine PkgConfig::CMOCKA m)
foreach(part gemm layernorm attention tokens loss optimizer)
  add_test(NAME ops-${part} COMMAND checkcl ${part})
endforeach()
