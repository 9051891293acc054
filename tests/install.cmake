# Tests of what is installed: the library, the programs' manual pages and completion, the package. Included by
# tests/CMakeLists.txt.
add_executable(test_library test_library.c)
target_link_libraries(test_library PRIVATE ij_library ij_engine ij_data PkgConfig::CMOCKA)
target_compile_definitions(test_library PRIVATE IJEPA_TESTS="${CMAKE_CURRENT_LIST_DIR}")
add_test(NAME library COMMAND test_library)
set_tests_properties(library PROPERTIES ENVIRONMENT "${device_environment}")

if(TARGET manual)
  add_test(NAME manual COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_manual.sh $<TARGET_FILE:ijepa>
                               $<TARGET_FILE:autotune> $<TARGET_FILE:bench> ${PROJECT_BINARY_DIR}/docs/man/man1
                               ${PROJECT_SOURCE_DIR}/frontend/completion.bash)
else()
  skipped_test(manual "a cross build has no manual pages")
endif()

if(IJEPA_SANITIZE)
  skipped_test(install "a library with sanitizers is for programs with sanitizers")
  skipped_test(package "a build with sanitizers is not packed")
else()
  add_executable(embed_reference embed_reference.c)
  target_link_libraries(embed_reference PRIVATE ij_engine ij_data)
  add_test(NAME install COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_install.sh ${CMAKE_COMMAND}
                                ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER} $<TARGET_FILE:ijepa>
                                $<TARGET_FILE:embed_reference>)
  find_program(IJEPA_DPKG_DEB dpkg-deb)
  find_program(IJEPA_DPKG_SHLIBDEPS dpkg-shlibdeps)
  if(IJEPA_DPKG_DEB AND IJEPA_DPKG_SHLIBDEPS)
    add_test(NAME package COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_package.sh ${CMAKE_COMMAND}
                                  ${CMAKE_CPACK_COMMAND} ${PROJECT_BINARY_DIR})
    set_tests_properties(package install PROPERTIES RESOURCE_LOCK install) # both write the build's ijepa.pc
  else()
    skipped_test(package "no dpkg-deb or no dpkg-shlibdeps")
  endif()
endif()
