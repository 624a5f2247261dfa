// Processor detection and the KINETRACE_SIMD override.
#include "simd_level.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace kinetrace {
namespace {
constexpr const char* kNames[] = {"baseline", "avx2", "avx512"};
std::atomic<int> chosen{-1};
}  // namespace

SimdLevel best_simd_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return SimdLevel::avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return SimdLevel::avx2;
#endif
  return SimdLevel::baseline;
}

const char* simd_name(SimdLevel level) { return kNames[int(level)]; }

SimdLevel simd_from_name(const char* name) {
  for (int i = 0; i < 3; ++i)
    if (!std::strcmp(name, kNames[i])) return SimdLevel(i);
  throw std::invalid_argument(std::string("KINETRACE_SIMD: expected baseline, avx2 or avx512, got ") + name);
}

void set_simd_level(SimdLevel level) {
  if (int(level) > int(best_simd_level()))
    throw std::invalid_argument(std::string("KINETRACE_SIMD: expected at most ") + simd_name(best_simd_level()) +
                                " on this processor, got " + simd_name(level));
  chosen.store(int(level), std::memory_order_relaxed);
}

SimdLevel simd_level() {
  const int c = chosen.load(std::memory_order_relaxed);
  if (c >= 0) return SimdLevel(c);
  const char* wish = std::getenv("KINETRACE_SIMD");
  set_simd_level(wish && *wish ? simd_from_name(wish) : best_simd_level());
  return SimdLevel(chosen.load(std::memory_order_relaxed));
}

}  // namespace kinetrace
