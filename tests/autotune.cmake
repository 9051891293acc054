# Tests of the tuning database and of autotune. Included by tests/CMakeLists.txt.
add_executable(test_tuning ${CMAKE_CURRENT_LIST_DIR}/test_tuning.c)
target_link_libraries(test_tuning PRIVATE ij_engine PkgConfig::CMOCKA)
add_test(NAME tuning COMMAND test_tuning)

add_test(NAME autotune COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_autotune.sh $<TARGET_FILE:autotune>
                               ${PROJECT_SOURCE_DIR}/ini/tiny.ini)
set_tests_properties(tuning autotune PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
