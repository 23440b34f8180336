# Compile options of every target of ours, through the INTERFACE target bpa_options.
add_library(bpa_options INTERFACE)
target_compile_options(
  bpa_options
  INTERFACE
    -Wall
    -Wextra
    -Werror
    -Wswitch-enum # a new enum value must be thought of in every switch
    -Wshadow # a hidden variable is a misread one
    -Wnon-virtual-dtor
    -Wunused-result # a dropped Status is a lost error
    -Wno-missing-field-initializers # designated initializers leave the rest at their defaults
    -fstack-protector-strong)
if(NOT BPA_SANITIZERS)
  add_compile_options($<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
target_link_options(bpa_options INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)

if(BPA_SANITIZERS)
  add_compile_options(-fsanitize=${BPA_SANITIZERS} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BPA_SANITIZERS})
endif()

if(BPA_FUZZERS)
  # Coverage counters in everything, so that libFuzzer sees where an input leads.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
