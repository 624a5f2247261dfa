// dtw: rows of several pairs side by side in lanes, from rows that lie anywhere.
#pragma once
#include "transpose.hpp"

KT_MATHS_BEGIN

// Quarter q: 16 bytes at p[C q + k] + at.
template <class T, int W> KT_HD Pack<T, W> load_quarters(const T* const* p, int k, int64_t at) {
  constexpr int C = kQuarter<T>;
  using V = Pack<T, W>;
  using Vector [[maybe_unused]] = typename V::Vector;
#if defined(__AVX512DQ__)
  if constexpr (W == 4 * C) {
    const auto quarter = [&](int q)
                             KT_INLINE { return _mm_loadu_ps(reinterpret_cast<const float*>(p[C * q + k] + at)); };
    __m512 v = _mm512_castps128_ps512(quarter(0));
    v = _mm512_mask_broadcast_f32x4(v, 0x00f0, quarter(1));
    v = _mm512_mask_broadcast_f32x4(v, 0x0f00, quarter(2));
    return V((Vector)_mm512_mask_broadcast_f32x4(v, 0xf000, quarter(3)));
  }
#endif
#if defined(__AVX__)
  if constexpr (W == 2 * C) {
    const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(reinterpret_cast<const float*>(p[k] + at)));
    const __m256 high = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p[C + k] + at));
    return V((Vector)_mm256_blend_ps(low, high, 0xf0));
  }
#endif
  if constexpr (W == C) return load<V>(p[k] + at);
}

// Elements [first, end) of W rows, `stride` apart in each, to out[element][lane]; up to C - 1 elements more are written on
// either side. Of each row elements [0, limit) may be read. put(pack): what is stored.
template <class V, class T, class Put> KT_HD void gather_rows(const T* const* rows, int64_t stride, int64_t first,
                                                              int64_t end, int64_t limit, T* out, const Put& put) {
  constexpr int W = lanes<V>::width;
  if constexpr (W > 1) {
    constexpr int C = kQuarter<T>;
    if (stride == 1 && limit >= C) {
      for (int64_t e = first; e < end; e += C) {
        const int64_t at = e + C <= limit ? e : limit - C;
        V r[C];
        unroll<C>([&](auto k) KT_INLINE { r[k] = load_quarters<T, W>(rows, k, at); });
        transpose_quarters<T, W>(r);
        unroll<C>([&](auto k) KT_INLINE { store(out + (at + k) * W, put(r[k])); });
      }
      return;
    }
  }
  for (int64_t e = first; e < end; ++e) {
    T* const here = out + e * W;
    for (int lane = 0; lane < W; ++lane) here[lane] = rows[lane][e * stride];
    store(here, put(load<V>(here)));
  }
}

KT_MATHS_END
