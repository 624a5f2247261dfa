# The list of kernels, and how one kernel text becomes one object per instruction set.
set(KINETRACE_KERNELS chain_flow dtw fit_kinematics fit_segments group_advantages kinematic_residual masks
  segment_advantages soft_dtw track_residual)
# Texts of cpp/src/simd beyond the one that has the kernel's name.
set(KINETRACE_SIMD_PARTS dtw_lanes dtw_roof)

# Compiles cpp/src/simd/<kernel>.cpp once per level into `target`. Without LTO: its back end may choose other instructions.
function(kinetrace_add_simd target kernel)
  set(levels baseline)
  set(flags_baseline "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(levels baseline avx2 avx512)
    set(flags_avx2 -march=x86-64-v3)
    set(flags_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  endif()
  # Inlined lanes make huge functions: with sanitizer checks at every access, and at -O3, each takes the compiler many
  # minutes. AddressSanitizer checks by calls instead, and what it sees UBSan need not check too. The bits are the same.
  set(optimise -O3)
  if(KINETRACE_SANITIZE)
    set(optimise -O1 -g1 -fno-sanitize=null,alignment,object-size,pointer-overflow)
    if(KINETRACE_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      list(APPEND optimise "SHELL:--param asan-instrumentation-with-call-threshold=0")
    endif()
  endif()
  foreach(level IN LISTS levels)
    set(object ${target}_${kernel}_${level})
    add_library(${object} OBJECT src/simd/${kernel}.cpp)
    target_link_libraries(${object} PRIVATE kinetrace_flags)
    target_include_directories(${object} PRIVATE ${PROJECT_SOURCE_DIR}/cpp/include)
    target_compile_definitions(${object} PRIVATE KT_ABI=${level})
    # g++ 12's AVX-512 header warns about its own unmasked intrinsics.
    target_compile_options(${object} PRIVATE ${flags_${level}} ${optimise} -Wno-uninitialized -Wno-maybe-uninitialized -fno-lto)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
  endforeach()
endfunction()
