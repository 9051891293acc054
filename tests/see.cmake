# Tests of what shows a run: report, predict, event files, progress. Included by tests/CMakeLists.txt.
set(frontend ${PROJECT_SOURCE_DIR}/frontend)
add_executable(test_report_parts test_report_parts.c ${frontend}/csv_table.c ${frontend}/envelope.c
                                 ${frontend}/feature_colours.c ${frontend}/feature_sheet.c ${frontend}/html.c
                                 ${frontend}/picture.c ${frontend}/png_bytes.c ${frontend}/principal.c
                                 ${frontend}/svg_chart.c)
add_executable(test_event_file test_event_file.c ${frontend}/crc32c.c ${frontend}/event_file.c
                               ${frontend}/event_folder.c)
add_executable(test_progress_line test_progress_line.c ${frontend}/clock.c ${frontend}/progress_line.c)
add_executable(test_collapse test_collapse.c ${frontend}/collapse.c)
foreach(name report_parts event_file progress_line collapse)
  target_link_libraries(test_${name} PRIVATE ij_base PkgConfig::CMOCKA m)
  add_test(NAME ${name} COMMAND test_${name})
endforeach()

add_executable(test_attention_map test_attention_map.c reference.c)
target_link_libraries(test_attention_map PRIVATE ij_test_model)
add_test(NAME attention_map COMMAND test_attention_map)
set_tests_properties(attention_map PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")

foreach(name report predict tensorboard progress)
  add_test(NAME ${name} COMMAND ${IJEPA_BASH} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.sh $<TARGET_FILE:ijepa>
                                ${PROJECT_SOURCE_DIR}/ini)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "${device_environment}")
endforeach()
