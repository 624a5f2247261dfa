// Which build of the kernels runs: the best instruction set the processor has, or a lower one that was asked for.
#pragma once

namespace kinetrace {

enum class SimdLevel : int { baseline = 0, avx2 = 1, avx512 = 2 };

SimdLevel best_simd_level();                // what the processor offers
SimdLevel simd_level();                     // what is in use: KINETRACE_SIMD at first use, or set_simd_level
void set_simd_level(SimdLevel level);       // throws std::invalid_argument above best_simd_level()
const char* simd_name(SimdLevel level);
SimdLevel simd_from_name(const char* name);  // throws std::invalid_argument

}  // namespace kinetrace

// Calls the build of `function` for the level in use: kinetrace::<level>::function(...).
#if defined(__x86_64__)
#define KT_SIMD_CALL(function, ...)                                                               \
  (::kinetrace::simd_level() == ::kinetrace::SimdLevel::avx512 ? avx512::function(__VA_ARGS__)    \
   : ::kinetrace::simd_level() == ::kinetrace::SimdLevel::avx2 ? avx2::function(__VA_ARGS__)      \
                                                               : baseline::function(__VA_ARGS__))
#else
#define KT_SIMD_CALL(function, ...) baseline::function(__VA_ARGS__)
#endif
// Declares one function for every level, as the bodies in cpp/src/simd define it inside KT_ABI.
#define KT_SIMD_DECLARE(...) \
  namespace baseline {       \
  __VA_ARGS__;               \
  }                          \
  namespace avx2 {           \
  __VA_ARGS__;               \
  }                          \
  namespace avx512 {         \
  __VA_ARGS__;               \
  }
