// chain_flow: one point, one frame.
#pragma once
#include "../core/sampling.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// A point at one frame: where it stands, and whether it can be followed further.
template <class T> struct ChainPoint {
  T x, y, cycle_error;
  bool visible;
};

// Two channels of a flow field at one frame.
template <class T> struct FlowField {
  const T *u, *v;
  Grid grid;
};

template <class T> KT_HD FlowField<T> flow_at(const ChainFlowArgs<T>& a, const Strided<const T, 5>& flow,
                                              int64_t problem, int64_t step) {
  FlowField<T> f;
  f.u = flow.data + problem * flow.stride[0] + step * flow.stride[1];
  f.v = f.u + flow.stride[2];
  f.grid.last_x = int32_t(a.width - 1), f.grid.last_y = int32_t(a.height - 1);
  f.grid.stride_y = flow.stride[3], f.grid.stride_x = flow.stride[4];
  return f;
}

template <class T> KT_HD int64_t start_of(const ChainFlowArgs<T>& a, int64_t problem, int64_t n) {
  if (a.start32.data) return a.start32.data[problem * a.start32.stride[0] + n * a.start32.stride[1]];
  if (a.start64.data) return a.start64.data[problem * a.start64.stride[0] + n * a.start64.stride[1]];
  return a.start;
}

template <class T> KT_HD ChainPoint<T> absent() { return {quiet_nan<T>(), quiet_nan<T>(), quiet_nan<T>(), false}; }

template <class T> KT_HD ChainPoint<T> begin_point(const ChainFlowArgs<T>& a, const Grid& grid, int64_t problem,
                                                   int64_t n) {
  const T* p = a.origins.data + problem * a.origins.stride[0] + n * a.origins.stride[1];
  ChainPoint<T> s;
  s.x = p[0], s.y = p[a.origins.stride[2]];
  s.visible = inside_image(grid, s.x, s.y);
  s.cycle_error = s.visible ? T(0) : quiet_nan<T>();
  return s;
}

// sqrt(x^2 + y^2) without overflow or underflow of the squares; an infinity wins over NaN, as in hypot.
template <class T> KT_HD T length(T x, T y) {
  const T ax = abs(x), ay = abs(y);
  const T large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
  if (ax > limits<T>::largest || ay > limits<T>::largest) return ax > limits<T>::largest ? ax : ay;
  if (large == T(0)) return small;  // 0, or NaN
  const T ratio = small / large;
  return large * sqrt(fma(ratio, ratio, T(1)));
}

// Moves a visible point by the flow at its place.
template <class T> KT_HD ChainPoint<T> follow(const ChainPoint<T>& s, const FlowField<T>& flow) {
  const Corners<T> c = corners_of(flow.grid, s.x, s.y);
  ChainPoint<T> next;
  next.x = s.x + sample(flow.u, c);
  next.y = s.y + sample(flow.v, c);
  next.visible = inside_image(flow.grid, next.x, next.y);
  next.cycle_error = quiet_nan<T>();
  return next;
}

// Sends a moved point back and compares with where it came from: NaN, and so a failure, where it left the image.
template <class T> KT_HD void check_cycle(const ChainFlowArgs<T>& a, const ChainPoint<T>& before,
                                          const FlowField<T>& back, ChainPoint<T>& s) {
  if (!s.visible) return;
  const Corners<T> c = corners_of(back.grid, s.x, s.y);
  s.cycle_error = length(before.x - (s.x + sample(back.u, c)), before.y - (s.y + sample(back.v, c)));
  if (a.limited) s.visible = double(s.cycle_error) <= a.max_cycle_error;
}

KT_MATHS_END
