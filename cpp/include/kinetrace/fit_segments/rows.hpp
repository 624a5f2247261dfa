// fit_segments, the maths: where the numbers of a group of problems lie, and fits that grow over them.
#pragma once
#include "update.hpp"

KT_MATHS_BEGIN

template <class V>
struct SegmentRows {
  double* data;
  int64_t pitch;
  SegmentLayout layout;

  KT_HD V get(int64_t row) const { return load<V>(data + row * pitch); }
  KT_HD void set(int64_t row, V x) const { store(data + row * pitch, x); }
  KT_HD V time(int64_t j) const { return get(layout.time() + j); }
  KT_HD V weight(int64_t j) const { return layout.weighted ? get(layout.weight() + j) : V(1.0); }
  KT_HD V frame(int64_t j) const { return get(layout.frame() + j); }
  template <int D>
  KT_HD void position(int64_t j, V* y) const {
    for (int d = 0; d < D; ++d) y[d] = get(layout.position() + j * D + d);
  }
  // best(k, j): least sum of squares of the first j points in k segments, k = 1 .. levels
  KT_HD V best(int k, int64_t j) const { return get(layout.best() + (k - 1) * (layout.points + 1) + j); }
  KT_HD void set_best(int k, int64_t j, V x) const { set(layout.best() + (k - 1) * (layout.points + 1) + j, x); }
};

// A fit that grows backwards from the last point before `end`; visit(i, fit, steps, inside) after each point i.
template <class Steps, int D, int K, class V, class F>
KT_HD void grow_backwards(const SegmentRows<V>& rows, const double* table, int64_t longest, V end, const F& visit) {
  Steps steps(table);
  RunningFit<V, D, K> fit;
  V y[D], origin{0.0};
  for (int64_t i = longest - 1; i >= 0; --i) {
    const mask_of<V> inside = V(double(i)) < end;
    origin = select(V(double(i)) == end - V(1.0), rows.time(i), origin);
    rows.template position<D>(i, y);
    fit.add(steps.next(select(inside, rows.weight(i), V(0.0)), origin - rows.time(i)), y);
    visit(i, fit, steps, inside);
  }
}

KT_MATHS_END
