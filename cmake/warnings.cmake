# Warnings and arithmetic flags of every target; sanitizers where asked for.
add_library(kinetrace_flags INTERFACE)
target_compile_options(kinetrace_flags INTERFACE
  # A compiler that fuses a * b + c where it likes gives other bits on every instruction set; fusing is written out.
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-math-errno>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wno-psabi -Wno-unknown-pragmas>)
if(KINETRACE_WERROR)
  target_compile_options(kinetrace_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(KINETRACE_SANITIZE)
  target_compile_options(kinetrace_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${KINETRACE_SANITIZE} -fno-omit-frame-pointer -g1>)
  target_link_options(kinetrace_flags INTERFACE -fsanitize=${KINETRACE_SANITIZE})
endif()
