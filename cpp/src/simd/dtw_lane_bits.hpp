// dtw: masks as bits, memory of one call, and waiting: what the schedules inside an instruction set share.
#pragma once
#include <cstdlib>
#include <new>

#include <sched.h>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

// One bit per lane.
template <class V> KT_HD uint32_t bits_of(mask_of<V> mask) {
#if defined(__AVX512DQ__)
  if constexpr (sizeof(mask) == 64 && lanes<V>::width == 16) return _mm512_movepi32_mask((__m512i)mask.v);
  if constexpr (sizeof(mask) == 64 && lanes<V>::width == 8) return _mm512_movepi64_mask((__m512i)mask.v);
#endif
#if defined(__AVX__)
  if constexpr (sizeof(mask) == 32 && lanes<V>::width == 8) return uint32_t(_mm256_movemask_ps((__m256)mask.v));
  if constexpr (sizeof(mask) == 32 && lanes<V>::width == 4) return uint32_t(_mm256_movemask_pd((__m256d)mask.v));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(mask) == 16 && lanes<V>::width == 4) return uint32_t(_mm_movemask_ps((__m128)mask.v));
  if constexpr (sizeof(mask) == 16 && lanes<V>::width == 2) return uint32_t(_mm_movemask_pd((__m128d)mask.v));
#endif
  uint32_t bits = 0;
  for (int lane = 0; lane < lanes<V>::width; ++lane) bits |= uint32_t(mask[lane]) << lane;
  return bits;
}

// The smallest integer that holds W bits.
template <int W> using LaneWord = std::conditional_t<(W > 8), uint16_t, uint8_t>;

// Memory for one call; no template of the standard library in a file that is compiled per instruction set.
struct HeapBlock {
  void* data;
  KT_HD explicit HeapBlock(int64_t bytes) : data(bytes > 0 ? std::malloc(std::size_t(bytes)) : nullptr) {
    if (!data && bytes > 0) throw std::bad_alloc();
  }
  KT_HD ~HeapBlock() { std::free(data); }
  HeapBlock(const HeapBlock&) = delete;
  HeapBlock& operator=(const HeapBlock&) = delete;
};

// Waiting for another thread: briefly at the processor, then giving it away.
KT_HD void relax(int spins) {
  if (spins > 64) sched_yield();
#if defined(__x86_64__)
  else _mm_pause();
#endif
}

KT_MATHS_END
