// fit_kinematics on one instruction set: a group of problems from the caller's arrays into rows, looked at on the way.
#pragma once
#include <kinetrace/fit_kinematics/rows.hpp>

#include "transpose.hpp"

KT_MATHS_BEGIN

template <class T> constexpr int kLanes = KT_VECTOR_BYTES / int(sizeof(T));

// The problems of a group: first, first + 1, ...; lanes past the last repeat it and are not written back.
template <class T> struct FitGroup {
  static constexpr int W = kLanes<T>;
  int64_t first;
  int used;

  KT_HD FitGroup(int64_t begin, int64_t end) : first(begin), used(int(end - begin < W ? end - begin : W)) {}
  KT_HD bool full() const { return used == W; }
  KT_HD int64_t problem(int lane) const { return first + (lane < used ? lane : used - 1); }
};

// Frame-major arrays are fetched this many groups ahead, into the second cache: every frame is another page.
constexpr int64_t kFrameGroupsAhead = 4;
template <class T> KT_HD void fetch(const T* p) { __builtin_prefetch(p, 0, 2); }

// One element of every problem of the group.
template <class T> KT_HD NativePack<T> gather(const T* data, int64_t stride, const FitGroup<T>& g) {
  T x[g.W];
  for (int l = 0; l < g.W; ++l) x[l] = data[g.problem(l) * stride];
  return load<NativePack<T>>(x);
}

// Calls sink(t, pack) for every frame of a (B, T) array.
template <class T, class Sink> KT_HD void for_each_frame(const Strided<const T, 2>& s, int64_t frames,
                                                         const FitGroup<T>& g, Sink&& sink) {
  const T* first = s.data + g.first * s.stride[0];
  if (s.stride[1] == 1 && g.full()) {
    const RowBlock<const T, g.W> rows{first, s.stride[0]};
    for_each_columns<1>(rows, frames, [&](int64_t t, const NativePack<T>* x) KT_INLINE { sink(t, *x); });
  } else if (s.stride[0] == 1 && g.full()) {
    for (int64_t t = 0; t < frames; ++t) {
      fetch(first + t * s.stride[1] + kFrameGroupsAhead * g.W);
      sink(t, load<NativePack<T>>(first + t * s.stride[1]));
    }
  } else {
    for (int64_t t = 0; t < frames; ++t) sink(t, gather(s.data + t * s.stride[1], s.stride[0], g));
  }
}

// 1 for every byte that is not 0, of W neighbouring ones. With intrinsics where g++ would go byte by byte.
template <class T, int W> KT_HD Pack<T, W> seen_bytes(const uint8_t* p) {
  using V = Pack<T, W>;
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  if constexpr (W == 16) {
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return V((typename V::Vector)_mm512_maskz_mov_ps(_mm_test_epi8_mask(b, b), _mm512_set1_ps(1)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (W == 8 && sizeof(T) == 4) {
    const __m128i hidden = _mm_cmpeq_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
    return V(
        (typename V::Vector)_mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cvtepi8_epi32(hidden)), _mm256_set1_ps(1)));
  }
#endif
  T x[W];
  for (int l = 0; l < W; ++l) x[l] = T(p[l] != 0);
  return load<V>(x);
}

// Calls sink(t, pack) for every frame of a (B, T) array of bytes: 0 or 1. `space`: W * frames elements.
template <class T, class Sink>
KT_HD void for_each_visibility(const Strided<const uint8_t, 2>& s, int64_t frames, const FitGroup<T>& g, T* space,
                               Sink&& sink) {
  constexpr int W = g.W;
  if (s.stride[1] == 1 && frames >= W) {  // to numbers, row by row, then as above
    for (int l = 0; l < W; ++l) {
      const uint8_t* from = s.data + g.problem(l) * s.stride[0];
      for (int64_t t = 0; t + W <= frames; t += W) store(space + l * frames + t, seen_bytes<T, W>(from + t));
      store(space + l * frames + frames - W, seen_bytes<T, W>(from + frames - W));
    }
    const RowBlock<const T, W> rows{space, frames};
    for_each_columns<1>(rows, frames, [&](int64_t t, const NativePack<T>* x) KT_INLINE { sink(t, *x); });
  } else if (s.stride[0] == 1 && g.full()) {
    for (int64_t t = 0; t < frames; ++t) sink(t, seen_bytes<T, W>(s.data + g.first + t * s.stride[1]));
  } else {
    for (int64_t t = 0; t < frames; ++t) {
      T x[W];
      for (int l = 0; l < W; ++l) x[l] = T(s.data[g.problem(l) * s.stride[0] + t * s.stride[1]] != 0);
      sink(t, load<NativePack<T>>(x));
    }
  }
}

// Lane l of part d is element l D + d of W D neighbouring elements.
template <int D, int d, class T, int W, std::size_t... I> KT_HD Pack<T, W> every_dth(const Pack<T, W>* x,
                                                                                     std::index_sequence<I...>) {
  Pack<T, W> r = x[0];
  if constexpr (D == 1) return r;
  r = Pack<T, W>(__builtin_shufflevector(x[0].v, x[1].v, (int(I) * D + d < 2 * W ? int(I) * D + d : 0)...));
  if constexpr (D > 2)
    r = Pack<T, W>(__builtin_shufflevector(r.v, x[2].v,
                                           (int(I) * D + d < 2 * W   ? int(I)
                                            : int(I) * D + d < 3 * W ? int(I) * D + d - W
                                                                     : 0)...));
  if constexpr (D > 3)
    r = Pack<T, W>(__builtin_shufflevector(r.v, x[3].v, (int(I) * D + d < 3 * W ? int(I) : int(I) * D + d - 2 * W)...));
  return r;
}

// Calls sink(t, x) for every frame of a (B, T, D) array; x[d]: coordinates.
template <int D, class T, class Sink> KT_HD void for_each_position(const Strided<const T, 3>& p, int64_t frames,
                                                                   const FitGroup<T>& g, Sink&& sink) {
  using V = NativePack<T>;
  constexpr int W = g.W;
  if (p.stride[2] == 1 && p.stride[1] == D && g.full()) {
    const RowBlock<const T, W> rows{p.data + g.first * p.stride[0], p.stride[0]};
    for_each_columns<D>(rows, frames * D, sink);
  } else if (p.stride[2] == 1 && p.stride[0] == D && g.full()) {
    for (int64_t t = 0; t < frames; ++t) {
      const T* row = p.data + g.first * D + t * p.stride[1];
      V x[D], y[D];
      unroll<D>([&](auto d) KT_INLINE {
        fetch(row + (kFrameGroupsAhead * D + d) * W);
        y[d] = load<V>(row + d * W);
      });
      unroll<D>([&](auto d) KT_INLINE { x[d] = every_dth<D, d>(y, std::make_index_sequence<W>{}); });
      sink(t, x);
    }
  } else {
    for (int64_t t = 0; t < frames; ++t) {
      V x[D];
      unroll<D>([&](auto d) KT_INLINE { x[d] = gather(p.data + t * p.stride[1] + d * p.stride[2], p.stride[0], g); });
      sink(t, x);
    }
  }
}

KT_MATHS_END
