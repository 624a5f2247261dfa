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

// A whole line at a time, which pays with narrower registers too: its parts leave together.
template <class T> KT_HD bool begins_line(const T* p) { return reinterpret_cast<uintptr_t>(p) % 64 == 0; }
template <class T> KT_HD void stream_line(T* to, const T* from) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX2__)
  auto* line = reinterpret_cast<__m256i*>(to);
  const auto* parts = reinterpret_cast<const __m256i*>(from);
  const __m256i a = _mm256_loadu_si256(parts), b = _mm256_loadu_si256(parts + 1);
  _mm256_stream_si256(line, a), _mm256_stream_si256(line + 1, b);
#elif defined(__x86_64__)
  auto* line = reinterpret_cast<__m128i*>(to);
  const auto* parts = reinterpret_cast<const __m128i*>(from);
  for (int i = 0; i < 4; ++i) _mm_stream_si128(line + i, _mm_loadu_si128(parts + i));
#else
  for (int i = 0; i < 64 / int(sizeof(T)); ++i) to[i] = from[i];
#endif
}

// Makes streamed results visible to other threads.
KT_HD void finish_streams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

KT_MATHS_END
