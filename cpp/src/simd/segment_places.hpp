// A line of segment_advantages at a time, by permutations of a table that fits a register. AVX2 and AVX-512.
#pragma once
#include <cstdint>
#include <type_traits>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

// Entries that such a table has; 0: there is no such permutation. Doubles have none in AVX2.
template <class T>
constexpr int64_t kTableSize = KT_VECTOR_BYTES == 64                     ? 64 / int64_t(sizeof(T))
                               : KT_VECTOR_BYTES == 32 && sizeof(T) == 4 ? 8
                                                                         : 0;

#if defined(__AVX512F__)

inline __m512i wide32(const int8_t* s) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)s)); }
inline __m512i wide32(const uint8_t* s) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)s)); }
inline __m512i wide32(const int32_t* s) { return _mm512_loadu_si512(s); }
inline __m512i wide64(const int8_t* s) { return _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i*)s)); }
inline __m512i wide64(const uint8_t* s) { return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i*)s)); }
inline __m512i wide64(const int32_t* s) { return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i*)s)); }
inline __m512i wide64(const int64_t* s) { return _mm512_loadu_si512(s); }

// `place_of` of 16 ids in 32 bits, of 8 ids in 64 bits.
inline __m512i places32(__m512i ids, int64_t columns) {
  return _mm512_min_epu32(_mm512_add_epi32(ids, _mm512_set1_epi32(1)), _mm512_set1_epi32(int(columns + 1)));
}
inline __m512i places64(__m512i ids, int64_t columns) {
  return _mm512_min_epu64(_mm512_add_epi64(ids, _mm512_set1_epi64(1)), _mm512_set1_epi64(columns + 1));
}

template <bool Streaming, class T, class I> void pick_line(const I* s, const T* table, int64_t columns, T* to) {
  const __m512i row = _mm512_loadu_si512(table);
  __m512i line;
  if constexpr (sizeof(T) == 8) {
    line = _mm512_permutexvar_epi64(places64(wide64(s), columns), row);
  } else if constexpr (sizeof(I) == 8) {
    const __m256i low = _mm512_cvtepi64_epi32(places64(wide64(s), columns));
    const __m256i high = _mm512_cvtepi64_epi32(places64(wide64(s + 8), columns));
    line = _mm512_permutexvar_epi32(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), row);
  } else {
    line = _mm512_permutexvar_epi32(places32(wide32(s), columns), row);
  }
  if constexpr (Streaming) _mm512_stream_si512((__m512i*)to, line);
  else _mm512_storeu_si512(to, line);
}

#elif defined(__AVX2__)

inline __m256i more32(const int8_t* s) {
  return _mm256_add_epi32(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)s)), _mm256_set1_epi32(1));
}
inline __m256i more32(const uint8_t* s) {
  return _mm256_add_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)s)), _mm256_set1_epi32(1));
}
inline __m256i more32(const int32_t* s) {
  return _mm256_add_epi32(_mm256_loadu_si256((const __m256i*)s), _mm256_set1_epi32(1));
}
// All bits set where the upper halves are not 0, so that the bound applies.
inline __m256i more32(const int64_t* s) {
  const __m256i one = _mm256_set1_epi64x(1);
  const __m256 a = _mm256_castsi256_ps(_mm256_add_epi64(_mm256_loadu_si256((const __m256i*)s), one));
  const __m256 b = _mm256_castsi256_ps(_mm256_add_epi64(_mm256_loadu_si256((const __m256i*)(s + 4)), one));
  const __m256i low = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
  const __m256i high = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)), none = _mm256_setzero_si256();
  const __m256i small = _mm256_cmpeq_epi32(high, none);
  return _mm256_permute4x64_epi64(_mm256_or_si256(low, _mm256_xor_si256(small, _mm256_cmpeq_epi32(none, none))), 0xd8);
}

template <bool Streaming, class T, class I> void pick_line(const I* s, const T* table, int64_t columns, T* to) {
  if constexpr (sizeof(T) == 4) {
    const __m256i row = _mm256_loadu_si256((const __m256i*)table), bound = _mm256_set1_epi32(int(columns + 1));
    const __m256i a = _mm256_permutevar8x32_epi32(row, _mm256_min_epu32(more32(s), bound));
    const __m256i b = _mm256_permutevar8x32_epi32(row, _mm256_min_epu32(more32(s + 8), bound));
    auto* line = (__m256i*)to;
    if constexpr (Streaming) _mm256_stream_si256(line, a), _mm256_stream_si256(line + 1, b);
    else _mm256_storeu_si256(line, a), _mm256_storeu_si256(line + 1, b);
  }
}

#else

template <bool, class T, class I> void pick_line(const I*, const T*, int64_t, T*) {}

#endif

KT_MATHS_END
