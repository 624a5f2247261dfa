// Places of a register's worth of neighbouring tokens in the table of segment_advantages, AVX-512 only. `place_of` says
// what a place is.
#pragma once
#include <cstdint>
#include <type_traits>
#if defined(__AVX512F__)
#include <immintrin.h>

#include <kinetrace/core/math.hpp>

KT_MATHS_BEGIN

inline __m512i wide32(const int8_t* s) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)s)); }
inline __m512i wide32(const uint8_t* s) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)s)); }
inline __m512i wide32(const int32_t* s) { return _mm512_loadu_si512(s); }
inline __m512i wide64(const int8_t* s) { return _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i*)s)); }
inline __m512i wide64(const uint8_t* s) { return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i*)s)); }
inline __m512i wide64(const int32_t* s) { return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i*)s)); }
inline __m512i wide64(const int64_t* s) { return _mm512_loadu_si512(s); }

inline __m512i bounded64(__m512i ids, int64_t columns) {
  return _mm512_min_epu64(_mm512_add_epi64(ids, _mm512_set1_epi64(1)), _mm512_set1_epi64(columns + 1));
}

// 16 places of 32 bits for float tables, 8 of 64 bits for double ones.
template <class T, class I> __m512i places(const I* s, int64_t columns) {
  if constexpr (sizeof(T) == 8) return bounded64(wide64(s), columns);
  else if constexpr (sizeof(I) == 8)
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(bounded64(wide64(s), columns))),
                              _mm512_cvtepi64_epi32(bounded64(wide64(s + 8), columns)), 1);
  else
    return _mm512_min_epu32(_mm512_add_epi32(wide32(s), _mm512_set1_epi32(1)), _mm512_set1_epi32(int(columns + 1)));
}

inline __m512i chosen(__m512i table, __m512i places, float) { return _mm512_permutexvar_epi32(places, table); }
inline __m512i chosen(__m512i table, __m512i places, double) { return _mm512_permutexvar_epi64(places, table); }

KT_MATHS_END
#endif
