# Tests of data/ and of what it draws its randomness from. Included by tests/CMakeLists.txt; needs PkgConfig::CMOCKA.
add_library(ij_test_images STATIC ${CMAKE_CURRENT_LIST_DIR}/images.c ${CMAKE_CURRENT_LIST_DIR}/shards.c)
target_link_libraries(ij_test_images PUBLIC ij_data PRIVATE JPEG::JPEG)
find_package(PNG)
if(PNG_FOUND)
  target_link_libraries(ij_test_images PUBLIC PNG::PNG)
  target_compile_definitions(ij_test_images PUBLIC IJ_HAVE_PNG)
else()
  skipped_test(png "no libpng")
endif()

add_library(ij_test_masks STATIC ${CMAKE_CURRENT_LIST_DIR}/mask_batch.c)
target_link_libraries(ij_test_masks PUBLIC ij_data PRIVATE PkgConfig::CMOCKA)

foreach(name random masks mask_scatter data_decode data_resize data_transforms data_format data_dataset data_sources data_index data_loader)
  add_executable(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ij_test_images PkgConfig::CMOCKA Threads::Threads)
  target_compile_definitions(test_${name} PRIVATE IJEPA_GOLDEN="${CMAKE_CURRENT_LIST_DIR}/golden"
                                                  IJEPA_TESTS="${CMAKE_CURRENT_LIST_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
endforeach()

target_link_libraries(test_masks PRIVATE ij_test_masks)
target_link_libraries(test_mask_scatter PRIVATE ij_test_masks)

find_package(ZLIB REQUIRED)
target_link_libraries(test_data_sources PRIVATE ZLIB::ZLIB)

# Not a test: prints images/s by stage.
add_executable(bench_data ${CMAKE_CURRENT_LIST_DIR}/bench_data.c)
target_link_libraries(bench_data PRIVATE ij_test_images JPEG::JPEG)

# What tools/fuzz runs, with seeds from fuzz_seeds.
if(IJEPA_FUZZ)
  find_package(ZLIB REQUIRED)
  foreach(name decode tar idx list index)
    add_executable(fuzz_${name} ${CMAKE_CURRENT_LIST_DIR}/fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ij_test_images PkgConfig::XXHASH)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
  add_executable(fuzz_seeds ${CMAKE_CURRENT_LIST_DIR}/fuzz_seeds.c)
  target_link_libraries(fuzz_seeds PRIVATE ij_test_images ZLIB::ZLIB)
endif()
