// dtw on one instruction set: transposes a square of W x W elements in registers.
#pragma once
#include "transpose.hpp"

KT_MATHS_BEGIN

// Whether whole squares are the fast way. Where a register has four quarters, assembling it from quarters takes more than the
// shuffles between them that it saves.
template <class T, int W> constexpr bool kSquares = W == 4 * kQuarter<T> && KT_VECTOR_BYTES == 64;

#if defined(__AVX512F__)
// Quarters of a and b: those that kSelect names, two of each.
template <int kSelect, class T, int W> KT_HD Pack<T, W> quarters_of(Pack<T, W> a, Pack<T, W> b) {
  return Pack<T, W>((typename Pack<T, W>::Vector)_mm512_shuffle_f32x4((__m512)a.v, (__m512)b.v, kSelect));
}
#endif

// Quarter h of r[q] becomes quarter q of r[h].
template <class T, int W> KT_HD void transpose_of_quarters([[maybe_unused]] Pack<T, W>* r) {
  using V [[maybe_unused]] = Pack<T, W>;
  using Vector [[maybe_unused]] = typename V::Vector;
#if defined(__AVX512F__)
  if constexpr (W == 4 * kQuarter<T>) {
    const V a = quarters_of<0x44>(r[0], r[1]), b = quarters_of<0x44>(r[2], r[3]);
    const V c = quarters_of<0xee>(r[0], r[1]), d = quarters_of<0xee>(r[2], r[3]);
    r[0] = quarters_of<0x88>(a, b), r[1] = quarters_of<0xdd>(a, b);
    r[2] = quarters_of<0x88>(c, d), r[3] = quarters_of<0xdd>(c, d);
  }
#endif
#if defined(__AVX__)
  if constexpr (W == 2 * kQuarter<T>) {
    const V low((Vector)_mm256_permute2f128_ps((__m256)r[0].v, (__m256)r[1].v, 0x20));
    r[1] = V((Vector)_mm256_permute2f128_ps((__m256)r[0].v, (__m256)r[1].v, 0x31));
    r[0] = low;
  }
#endif
}

// r[i] element j becomes r[j] element i.
template <class T, int W> KT_HD void transpose_square(Pack<T, W>* r) {
#if defined(__AVX512F__)
  constexpr int C = kQuarter<T>;
  unroll<4>([&](auto k) KT_INLINE { transpose_quarters<T, W>(r + k * C); });
  Pack<T, W> out[W];
  unroll<C>([&](auto i) KT_INLINE {
    const Pack<T, W> a = r[i], b = r[C + i], c = r[2 * C + i], d = r[3 * C + i];
    const Pack<T, W> ab = quarters_of<0x44>(a, b), cd = quarters_of<0x44>(c, d);
    out[i] = quarters_of<0x88>(ab, cd), out[C + i] = quarters_of<0xdd>(ab, cd);
    const Pack<T, W> ab2 = quarters_of<0xee>(a, b), cd2 = quarters_of<0xee>(c, d);
    out[2 * C + i] = quarters_of<0x88>(ab2, cd2), out[3 * C + i] = quarters_of<0xdd>(ab2, cd2);
  });
  unroll<W>([&](auto i) KT_INLINE { r[i] = out[i]; });
#else
  (void)r;
#endif
}

// Columns at, at + 1, ... at + W - 1 of W rows that lie `stride` apart.
template <class T, int W> KT_HD void load_square(const T* row, int64_t stride, int64_t at, Pack<T, W>* r) {
  unroll<W>([&](auto l) KT_INLINE { r[l] = load<Pack<T, W>>(row + l * stride + at); });
  transpose_square<T, W>(r);
}

KT_MATHS_END
