# Kernels that work by items as they run on processors with other vectors than this one's: kernels, model and golden steps with vectors
# of 4, 8 and 16 floats, and a search from those that most processors have. Included by tests/CMakeLists.txt after
# tools.cmake. One test a width runs all of checkcl: what OpenCL compiles for one case it need not compile for the next.
foreach(width 4 8 16)
  add_test(NAME ops-width${width} COMMAND checkcl device)
  add_test(NAME model-width${width} COMMAND test_model)
  add_test(NAME replay-width${width} COMMAND ${replay_golden} --gemm own)
  set(tests ops-width${width} model-width${width} replay-width${width})
  if(width GREATER 4)
    add_test(NAME autotune-width${width} COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_autotune.sh
                                                 $<TARGET_FILE:autotune> ${PROJECT_SOURCE_DIR}/ini/tiny.ini)
    list(APPEND tests autotune-width${width})
  endif()
  set(implementations "panel item")
  if(width LESS 16) # what such processors take
    string(APPEND implementations " gradient=packed")
  endif()
  set_tests_properties(${tests} PROPERTIES SKIP_RETURN_CODE 77
                       ENVIRONMENT "${device_environment};IJEPA_IMPL=${implementations};IJEPA_VECTOR_WIDTH=${width}")
endforeach()
