# Tests of data/ and of what it draws its randomness from. Included by tests/CMakeLists.txt; needs PkgConfig::CMOCKA.
add_library(ij_test_images STATIC ${CMAKE_CURRENT_LIST_DIR}/images.c)
target_link_libraries(ij_test_images PUBLIC ij_data PRIVATE JPEG::JPEG)

foreach(name random masks data_decode data_resize data_dataset data_loader)
  add_executable(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_test_images PkgConfig::CMOCKA Threads::Threads)
  target_compile_definitions(test_${name} PRIVATE IJEPA_SHARED="${PROJECT_SOURCE_DIR}/../shared")
  add_test(NAME ${name} COMMAND test_${name})
endforeach()

# Not a test: prints images/s by stage.
add_executable(bench_data ${CMAKE_CURRENT_LIST_DIR}/bench_data.c)
target_link_libraries(bench_data PRIVATE ij_test_images JPEG::JPEG)
