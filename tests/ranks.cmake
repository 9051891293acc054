# Several processes that train together, where there is MPI, which is to be Open MPI here. Its settings: it may run as
# root, and with more processes than cores; processes of one computer need no rights over one another.
set(ranks_environment "${device_environment};OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
                      "OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_hwloc_base_binding_policy=none"
                      "OMPI_MCA_btl_vader_single_copy_mechanism=none;POCL_MAX_PTHREAD_COUNT=1")

add_executable(test_shares test_shares.c ${PROJECT_SOURCE_DIR}/frontend/shares.c)
target_link_libraries(test_shares PRIVATE ij_base PkgConfig::CMOCKA m)
add_test(NAME shares COMMAND test_shares)

add_executable(test_ranks test_ranks.c)
target_link_libraries(test_ranks PRIVATE ij_test_model)
if(NOT MPI_C_FOUND)
  skipped_test(ranks "there is no MPI")
  return()
endif()
# Some containers let no process start others as mpirun does.
execute_process(COMMAND ${CMAKE_COMMAND} -E env ${ranks_environment} ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} 2
                        ${CMAKE_COMMAND} -E true
                RESULT_VARIABLE mpirun_fails OUTPUT_QUIET ERROR_QUIET TIMEOUT 60)
if(mpirun_fails)
  skipped_test(ranks "mpirun starts no processes here")
  return()
endif()
add_test(NAME training_memory-ranks COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} 2
                                            $<TARGET_FILE:test_training_memory>)
set_tests_properties(training_memory-ranks PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 PROCESSORS 2
                                                      ENVIRONMENT "${ranks_environment}")
foreach(count 2 3)
  add_test(NAME replay-ranks-${count} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${count} ${replay_golden})
  set_tests_properties(replay-ranks-${count} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 PROCESSORS 2
                                                        ENVIRONMENT "${ranks_environment}")
endforeach()
add_test(NAME train-ranks COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_ranks.sh $<TARGET_FILE:ijepa>
                                  ${PROJECT_SOURCE_DIR}/ini ${MPIEXEC_EXECUTABLE})
set_tests_properties(train-ranks PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 PROCESSORS 2
                                            ENVIRONMENT "${ranks_environment}")
foreach(count 2 3 4)
  add_test(NAME ranks-${count} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${count} $<TARGET_FILE:test_ranks>)
  set_tests_properties(ranks-${count} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 PROCESSORS 2
                                                 ENVIRONMENT "${ranks_environment}")
endforeach()
