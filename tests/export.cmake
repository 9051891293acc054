# Tests of exporting models. Included by tests/CMakeLists.txt.
foreach(name half archive)
  add_executable(test_${name} test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_engine PkgConfig::CMOCKA m)
  add_test(NAME ${name} COMMAND test_${name})
endforeach()

# What others' programs say of the results. Features are compared where the oracle is there.
set(IJEPA_ORACLE "${PROJECT_SOURCE_DIR}/tests/oracle/ijepa_torch.py" CACHE FILEPATH "The independent model in PyTorch")
foreach(judge plain torch)
  add_test(NAME export-${judge} COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_export.sh $<TARGET_FILE:ijepa>
                                        ${PROJECT_SOURCE_DIR}/ini ${judge} ${IJEPA_ORACLE})
  set_tests_properties(export-${judge} PROPERTIES SKIP_RETURN_CODE 77)
endforeach()
