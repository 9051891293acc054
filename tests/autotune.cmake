# Tests of the kernels' parameters, of the tuning database and of autotune. Included by tests/CMakeLists.txt.
foreach(name tuning local_memory)
  add_executable(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_engine PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND test_${name})
endforeach()

add_test(NAME autotune COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_autotune.sh $<TARGET_FILE:autotune>
                               ${PROJECT_SOURCE_DIR}/ini/tiny.ini)
set_tests_properties(tuning local_memory autotune PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
