# Target bpa_prometheus: the registry, the metrics and the text serializer of prometheus-cpp as a
# static archive. Debian has the library as a shared one only, built for a libstdc++ that Amazon
# Linux 2023 does not have; so Debian's source of it is fetched once per checkout, to build/deps.

set(deps_dir ${CMAKE_SOURCE_DIR}/build/deps)
execute_process(
  COMMAND ${CMAKE_SOURCE_DIR}/packaging/deps/fetch-prometheus-cpp.sh ${deps_dir}
  RESULT_VARIABLE fetched
  ERROR_VARIABLE fetch_error)
if(NOT fetched EQUAL 0)
  message(FATAL_ERROR "${fetch_error}")
endif()

include(GenerateExportHeader)
set(prometheus_core ${deps_dir}/prometheus-cpp/core)
add_library(
  bpa_prometheus STATIC
  ${prometheus_core}/src/check_names.cc
  ${prometheus_core}/src/counter.cc
  ${prometheus_core}/src/detail/builder.cc
  ${prometheus_core}/src/detail/ckms_quantiles.cc
  ${prometheus_core}/src/detail/time_window_quantiles.cc
  ${prometheus_core}/src/detail/utils.cc
  ${prometheus_core}/src/family.cc
  ${prometheus_core}/src/gauge.cc
  ${prometheus_core}/src/histogram.cc
  ${prometheus_core}/src/registry.cc
  ${prometheus_core}/src/serializer.cc
  ${prometheus_core}/src/summary.cc
  ${prometheus_core}/src/text_serializer.cc)
generate_export_header(
  bpa_prometheus
  BASE_NAME prometheus-cpp-core
  STATIC_DEFINE PROMETHEUS_CPP_CORE_STATIC
  EXPORT_FILE_NAME ${CMAKE_BINARY_DIR}/prometheus/include/prometheus/detail/core_export.h)
target_compile_definitions(bpa_prometheus PUBLIC PROMETHEUS_CPP_CORE_STATIC)
target_include_directories(bpa_prometheus SYSTEM PUBLIC ${prometheus_core}/include
                                                        ${CMAKE_BINARY_DIR}/prometheus/include)
target_link_libraries(bpa_prometheus PUBLIC Threads::Threads)
