// Stores that go past the cache, for results larger than it; plain stores where the instruction set has none.
#pragma once
#include <cstdint>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

// Whole cache lines only: a part of a line written past the cache costs more than it saves.
template <class T> KT_HD bool streams_to(const T* p) {
  return KT_VECTOR_BYTES == 64 && reinterpret_cast<uintptr_t>(p) % 64 == 0;
}

template <class T, int W> KT_HD void stream(T* p, Pack<T, W> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * W == 64) return _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)x.v);
#endif
  store(p, x);
}

// Makes streamed results visible to other threads.
KT_HD void finish_streams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

KT_MATHS_END
