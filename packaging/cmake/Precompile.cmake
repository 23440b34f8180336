# Headers that cost more to parse than the test that includes them: half of the tests' build time
# without. For what is not optimized only: with -O2 each file would compile anew what the headers
# instantiate, and that took seconds where parsing them took one. Every file still includes what it
# uses: neither clang-tidy nor the preset `dev` sees them.
#
# A launcher is a compiler cache, which keeps whole objects and does not know GCC's precompiled ones.
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(BPA_PRECOMPILE OFF)
endif()

# bpa_precompile(TARGET HEADER...)
function(bpa_precompile target)
  if(BPA_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# bpa_precompile_as(TARGET OTHER): what was made for OTHER, which has the same compile options.
function(bpa_precompile_as target other)
  if(BPA_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()
