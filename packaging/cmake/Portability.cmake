# What is shipped runs where glibc is 2.34 and libstdc++ that of GCC 11 (Amazon Linux 2023), though
# it is built with newer ones; tests/packaging/portability_test.sh reads that off the programs.
add_library(bpa_arc4random OBJECT ${CMAKE_SOURCE_DIR}/packaging/portability/arc4random.cc)
target_link_libraries(bpa_arc4random PRIVATE bpa_options)

# For each program that is shipped. libgcc stays shared: every node has libgcc_s.so.1, and the
# static one finds stack frames by _dl_find_object, which came with glibc 2.35.
function(bpa_shipped target)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:bpa_arc4random>)
  target_link_options(${target} PRIVATE -static-libstdc++)
endfunction()
