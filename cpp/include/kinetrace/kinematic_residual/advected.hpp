// The residual along the motion: bilinear samples of the neighbouring flows, and their derivatives.
#pragma once
#include "../core/bits.hpp"
#include "residual.hpp"

KT_MATHS_BEGIN

// One flow field (2, H, W) as the caller holds it, strides in elements.
template <class T> struct FlowField {
  const T* data;
  int64_t channel, row, column, height, width;
};

template <class T> KT_HD FlowField<T> flow_field(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t) {
  const auto& s = a.flow;
  return {s.data + problem * s.stride[0] + t * s.stride[1], s.stride[2], s.stride[3], s.stride[4], a.height, a.width};
}

// A point between the pixels (x, y) and (x + 1, y + 1), in whole numbers held as V; (0, 0) when it is outside. On the
// last column or row the neighbour is the pixel itself, so that the slope there is 0.
template <class V> struct SamplePoint {
  V x, y, fx, fy;
  mask_of<V> inside;
};

// The point (px + dx, py + dy) of a pixel: the fraction is taken of the displacement alone, where it is exact.
template <class V> KT_HD SamplePoint<V> sample_point(V px, V py, V dx, V dy, int64_t height, int64_t width) {
  using T = scalar_of<V>;
  const V ix = floor_of(dx), iy = floor_of(dy), last_x = V(T(width - 1)), last_y = V(T(height - 1));
  SamplePoint<V> p{px + ix, py + iy, dx - ix, dy - iy, {}};
  const mask_of<V> in_x = (p.x >= V(0)) & ((p.x < last_x) | ((p.x == last_x) & (p.fx == V(0))));
  const mask_of<V> in_y = (p.y >= V(0)) & ((p.y < last_y) | ((p.y == last_y) & (p.fy == V(0))));
  p.inside = in_x & in_y;
  p.x = select(p.inside, p.x, V(0)), p.y = select(p.inside, p.y, V(0));
  p.fx = select(p.inside, p.fx, V(0)), p.fy = select(p.inside, p.fy, V(0));
  return p;
}

// The four pixels around a point: a b over c d.
template <class V> struct Quad {
  V a, b, c, d;
};

template <class T> KT_HD Quad<T> quad_at(const FlowField<T>& f, int channel, T x, T y) {
  const int64_t ix = int64_t(x), iy = int64_t(y), right = ix + 1 < f.width ? f.column : 0,
                down = iy + 1 < f.height ? f.row : 0;
  const T* p = f.data + channel * f.channel + iy * f.row + ix * f.column;
  return {p[0], p[right], p[down], p[down + right]};
}
#if !defined(__CUDACC__)
template <class T, int W> KT_HD Quad<Pack<T, W>> quad_at(const FlowField<T>& f, int channel, Pack<T, W> x,
                                                         Pack<T, W> y) {
  T lane[4][W];
  for (int l = 0; l < W; ++l) {
    const Quad<T> q = quad_at(f, channel, x[l], y[l]);
    lane[0][l] = q.a, lane[1][l] = q.b, lane[2][l] = q.c, lane[3][l] = q.d;
  }
  return {load<Pack<T, W>>(lane[0]), load<Pack<T, W>>(lane[1]), load<Pack<T, W>>(lane[2]), load<Pack<T, W>>(lane[3])};
}
#endif

template <class V> KT_HD V sample(const FlowField<scalar_of<V>>& f, int channel, const SamplePoint<V>& p) {
  const Quad<V> q = quad_at(f, channel, p.x, p.y);
  const V top = fma(p.fx, q.b - q.a, q.a), bottom = fma(p.fx, q.d - q.c, q.c);
  return fma(p.fy, bottom - top, top);
}

// Where the flow before is read: y_0 = x - before(x), then y_k = x - before(y_{k-1}) up to k = steps. `inside` holds for
// all points on the way. (ux, uy) is before(x).
template <class V>
KT_HD SamplePoint<V> point_behind(const FlowField<scalar_of<V>>& before, V px, V py, V ux, V uy, int steps) {
  SamplePoint<V> p = sample_point(px, py, -ux, -uy, before.height, before.width);
  for (int k = 0; k < steps; ++k) {
    const mask_of<V> so_far = p.inside;
    p = sample_point(px, py, -sample(before, 0, p), -sample(before, 1, p), before.height, before.width);
    p.inside = p.inside & so_far;
  }
  return p;
}

// One residual vector along the motion: (ux, uy) is the flow before and (vx, vy) the flow itself at the pixel.
template <class V> struct AdvectedResidual {
  V x, y;
  SamplePoint<V> ahead, behind;
  mask_of<V> valid;
};

template <class V>
KT_HD AdvectedResidual<V> advected_residual(const FlowField<scalar_of<V>>& before, const FlowField<scalar_of<V>>& after,
                                            V px, V py, V ux, V uy, V vx, V vy, int iterations) {
  AdvectedResidual<V> r;
  r.ahead = sample_point(px, py, vx, vy, after.height, after.width);
  r.behind = point_behind(before, px, py, ux, uy, iterations);
  r.valid = r.ahead.inside & r.behind.inside;
  r.x = second_difference(sample(before, 0, r.behind), vx, sample(after, 0, r.ahead));
  r.y = second_difference(sample(before, 1, r.behind), vy, sample(after, 1, r.ahead));
  return r;
}

// Derivative of upstream . sample by the x and y of the point.
template <class T> KT_HD void sample_pull(const FlowField<T>& f, const SamplePoint<T>& p, const T (&upstream)[2],
                                          T (&pulled)[2]) {
  pulled[0] = pulled[1] = T(0);
  for (int c = 0; c < 2; ++c) {
    const Quad<T> q = quad_at(f, c, p.x, p.y);
    const T top = q.b - q.a, bottom = q.d - q.c, left = q.c - q.a, right = q.d - q.b;
    pulled[0] = fma(upstream[c], fma(p.fy, bottom - top, top), pulled[0]);
    pulled[1] = fma(upstream[c], fma(p.fx, right - left, left), pulled[1]);
  }
}

KT_MATHS_END
