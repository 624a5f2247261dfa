// soft_dtw on one instruction set, backward: expected alignments of up to four rows, then what they add to the gradients.
#pragma once
#include <kinetrace/soft_dtw/gradient.hpp>

#include "soft_dtw_forward.hpp"

KT_MATHS_BEGIN

// R rows of the expected alignment from the last column to the first, at least R of them; each row runs one column behind the
// one below. `incoming` is what the row below passes on to each column, (columns, W); afterwards what the upper row passes
// on. kTwice: twice the value is stored, the factor of sqeuclidean.
template <int R, bool kTwice, class T>
__attribute__((noinline)) void backward_rows(int64_t first, int64_t last, const T* weights, int64_t pitch, T* incoming,
                                             T* expected) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  const int64_t count = last + 1 - first;
  // Of each row, by its last cell: what it passes up, to the left, and diagonally to the column on its left.
  V up[R], left[R], diagonal[R];
  unroll<R>([&](auto r) KT_INLINE { up[r] = left[r] = diagonal[r] = V(T(0)); });
  // Step t: of the rows from below in [from, to) the cells of columns last - t, last - t + 1, ...
  const auto step = [&](int64_t t, auto from, auto to) KT_INLINE {
    constexpr int kFrom = from, kTo = to;
    unroll<R>([&](auto r) KT_INLINE {  // from above, since rows read what the last step left below them
      constexpr int below = R - 1 - r;
      if constexpr (below >= kFrom && below < kTo) {
        const int64_t j = last - t + below;
        V from_below;
        if constexpr (below == 0) from_below = load<V>(incoming + j * W);
        else from_below = up[r + 1];
        const V e = soft_flush(from_below + left[r]);
        store(expected + r * pitch + j * W, kTwice ? e + e : e);
        const SoftWeights<V> w = load_weights<V>(weights + 2 * (r * pitch + j * W));
        up[r] = fma(e, w.up, diagonal[r]);
        diagonal[r] = e * w.diagonal(), left[r] = e * w.left;
        if constexpr (r == 0) store(incoming + j * W, up[0]);
      }
    });
  };
  unroll<R - 1>([&](auto t) KT_INLINE { step(t, Constant<0>{}, Constant<t + 1>{}); });
  for (int64_t t = R - 1; t < count; ++t) step(t, Constant<0>{}, Constant<R>{});
  unroll<R - 1>([&](auto t) KT_INLINE { step(count + t, Constant<t + 1>{}, Constant<R>{}); });
  if (first > 0) store(incoming + (first - 1) * W, diagonal[0]);
}

// E of four rows to the factors of their gradients, in place. Cosine also sums its second term over rows and columns.
template <Metric kMetric, class T> void slope_factors(const SoftLayout<T>& layout, const SoftSpan<T>& span, int64_t row,
                                                      T* scratch) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  for (int64_t r = kSoftTile - 1; r >= 0; --r) {
    V share = V(T(0));
    for (int64_t j = span.first; j <= span.last; ++j) {
      T* e = scratch + layout.expected + (r * layout.columns + j) * W;
      const V cost = load<V>(scratch + layout.costs + (r * layout.columns + j) * W), given = load<V>(e);
      V norms = V(T(1));
      if constexpr (kMetric == Metric::cosine) {
        T* column = scratch + layout.y_shares + j * W;
        norms = load<V>(scratch + layout.x_norms + (row + r) * W) * load<V>(scratch + layout.y_norms + j * W);
        const V similarity = V(T(1)) - cost;
        share = fma(given, similarity, share);
        store(column, fma(given, similarity, load<V>(column)));
      }
      store(e, slope_factor<kMetric>(given, cost, norms));
    }
    if constexpr (kMetric == Metric::cosine) store(scratch + layout.x_shares + (row + r) * W, share);
  }
}

// x itself, from a register: g++ would load it again for each use, more often than the loop below has time for.
template <class V> KT_HD V in_register(V x) {
#if defined(__x86_64__)
  asm("" : "+v"(x.v));
#endif
  return x;
}

// Coordinates [d, d + C) of the gradients: four rows of x, and what these rows add to all columns of y (kY).
// kGuarded: differences may overflow; the same bits where they do not.
template <SlopeKind kKind, bool kY, bool kGuarded, int C, class T>
__attribute__((noinline)) void slope_columns(const SoftLayout<T>& layout, const SoftSpan<T>& span, int64_t dims,
                                             int64_t row, int64_t d, T* scratch) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, R = kSoftTile;
  const T *x = scratch + layout.x + (row * dims + d) * W, *y = scratch + layout.y + d * W;
  const T* factors = scratch + layout.expected;
  T *x_slopes = scratch + layout.x_slopes + (row * dims + d) * W, *y_slopes = scratch + layout.y_slopes + d * W;
  const int64_t pitch = layout.columns * W;
  V own[R][C], sum[R][C];
  unroll<R * C>([&](auto i) KT_INLINE {
    own[i / C][i % C] = load<V>(x + (i / C * dims + i % C) * W), sum[i / C][i % C] = V(T(0));
  });
  for (int64_t j = span.first; j <= span.last; ++j) {
    V factor[R];
    unroll<R>([&](auto r) KT_INLINE { factor[r] = in_register(load<V>(factors + r * pitch + j * W)); });
    unroll<C>([&](auto c) KT_INLINE {
      const V other = load<V>(y + (j * dims + c) * W);
      V total = V(T(0));
      if constexpr (kY) total = load<V>(y_slopes + (j * dims + c) * W);
      unroll<R>([&](auto i) KT_INLINE {
        constexpr int r = R - 1 - i;
        V slope = slope_of<kKind>(own[r][c], other);
        if constexpr (kGuarded) slope = guarded_slope(factor[r], slope);
        sum[r][c] = fma(factor[r], slope, sum[r][c]);
        if constexpr (kY) total = fma(factor[r], kKind == SlopeKind::product ? own[r][c] : -slope, total);
      });
      if constexpr (kY) store(y_slopes + (j * dims + c) * W, total);
    });
  }
  unroll<R * C>([&](auto i) KT_INLINE { store(x_slopes + (i / C * dims + i % C) * W, sum[i / C][i % C]); });
}

template <SlopeKind kKind, bool kY, bool kGuarded, class T>
void slopes(const SoftLayout<T>& layout, const SoftSpan<T>& span, int64_t dims, int64_t row, T* scratch) {
  int64_t d = 0;
  for (; d + 2 <= dims; d += 2) slope_columns<kKind, kY, kGuarded, 2>(layout, span, dims, row, d, scratch);
  if (d < dims) slope_columns<kKind, kY, kGuarded, 1>(layout, span, dims, row, d, scratch);
}
template <SlopeKind kKind, bool kGuarded, class T>
void slopes(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout, const SoftSpan<T>& span, int64_t row, T* scratch) {
  if (a.y_gradient) slopes<kKind, true, kGuarded>(layout, span, a.dims, row, scratch);
  else slopes<kKind, false, kGuarded>(layout, span, a.dims, row, scratch);
}

// Gradients of four rows from their expected alignment; `huge`: differences of samples may overflow.
template <class T> void add_slopes(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout, const SoftSpan<T>& span,
                                   bool huge, int64_t row, T* scratch) {
  if (a.metric == Metric::euclidean) slope_factors<Metric::euclidean>(layout, span, row, scratch);
  if (a.metric == Metric::cosine) slope_factors<Metric::cosine>(layout, span, row, scratch);
  if (a.metric == Metric::dot) slope_factors<Metric::dot>(layout, span, row, scratch);
  switch (slope_kind(a.metric)) {
    case SlopeKind::difference:
      if (huge) return slopes<SlopeKind::difference, true>(a, layout, span, row, scratch);
      return slopes<SlopeKind::difference, false>(a, layout, span, row, scratch);
    case SlopeKind::sign: return slopes<SlopeKind::sign, false>(a, layout, span, row, scratch);
    case SlopeKind::product: return slopes<SlopeKind::product, false>(a, layout, span, row, scratch);
  }
}

KT_MATHS_END
