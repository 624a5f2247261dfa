// One pixel of kinematic_residual at a time, straight from the caller's arrays: weights, upstream, derivatives.
#pragma once
#include "advected.hpp"
#include "fixed_point.hpp"

KT_MATHS_BEGIN

// Weight of residual t (1 <= t <= T-2) by its mask; 1 without one.
template <class T, class S> KT_HD T mask_weight(const Strided<const S, 4>& m, MaskRule rule, int64_t problem, int64_t t,
                                                int64_t y, int64_t x) {
  const S* p = m.data + problem * m.stride[0] + y * m.stride[2] + x * m.stride[3];
  const int64_t frame = m.stride[1];
  if (rule == MaskRule::explicit_) return T(p[(t - 1) * frame]);
  if (rule == MaskRule::center) return T(p[t * frame]);
  const T before = T(p[(t - 1) * frame]), at = T(p[t * frame]), after = T(p[(t + 1) * frame]);
  return rule == MaskRule::all ? weight_min(weight_min(before, at), after) : weight_max(weight_max(before, at), after);
}
template <class T> KT_HD T residual_weight(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t, int64_t y,
                                           int64_t x) {
  if (a.mask_bytes.data) return mask_weight<T>(a.mask_bytes, a.mask_rule, problem, t, y, x);
  if (a.mask_values.data) return mask_weight<T>(a.mask_values, a.mask_rule, problem, t, y, x);
  return T(1);
}

template <class T> KT_HD T residual_slope_of(ResidualNorm norm, T r) {
  return norm == ResidualNorm::squared    ? residual_slope<ResidualNorm::squared>(r)
         : norm == ResidualNorm::absolute ? residual_slope<ResidualNorm::absolute>(r)
                                          : residual_slope<ResidualNorm::signed_>(r);
}

// Factor between weight * slope and the derivative of the value by a component c of the residual, per problem; of
// fields the part that is the same everywhere.
template <class T> KT_HD T problem_factor(const KinematicResidualArgs<T>& a, int64_t problem, int c) {
  if (a.reduction == ResidualReduction::none) return T(residual_factor(a.norm, ResidualReduction::sum, a.dt, 1.0, 0.0));
  const T up =
      a.upstream
          .data[problem * a.upstream.stride[0] + (a.norm == ResidualNorm::signed_ ? c : 0) * a.upstream.stride[1]];
  return T(residual_factor(a.norm, a.reduction, a.dt, double(up), a.total_weight[problem]));
}

template <class T> KT_HD T field_upstream(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t, int c,
                                          int64_t y, int64_t x) {
  const auto& u = a.upstream_field;
  return u.data[problem * u.stride[0] + (t - 1) * u.stride[1] +
                (a.norm == ResidualNorm::signed_ ? c : 0) * u.stride[2] + y * u.stride[3] + x * u.stride[4]];
}

// The derivative q of the value by advected residual t at one pixel, and its points. `used` is false where the weight is 0.
template <class T> struct AdvectedPixel {
  FlowField<T> before, after;
  T px, py, u[2];  // the pixel and the flow before at it
  SamplePoint<T> ahead, behind;
  T q[2];
  bool used;
};

template <class T> KT_HD AdvectedPixel<T> advected_pixel(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t,
                                                         int64_t y, int64_t x, const T (&factor)[2]) {
  AdvectedPixel<T> p;
  p.before = flow_field(a, problem, t - 1), p.after = flow_field(a, problem, t + 1);
  const FlowField<T> at = flow_field(a, problem, t);
  p.px = T(x), p.py = T(y);
  const int64_t here = y * at.row + x * at.column;
  p.u[0] = p.before.data[here], p.u[1] = p.before.data[here + at.channel];
  const AdvectedResidual<T> r = advected_residual(p.before, p.after, p.px, p.py, p.u[0], p.u[1], at.data[here],
                                                  at.data[here + at.channel], a.iterations);
  p.ahead = r.ahead, p.behind = r.behind;
  const T w = r.valid ? residual_weight(a, problem, t, y, x) : T(0);
  p.used = w != T(0);
  for (int c = 0; c < 2; ++c) {
    T k = factor[c];
    if (a.reduction == ResidualReduction::none) k = k * field_upstream(a, problem, t, c, y, x);
    p.q[c] = p.used ? k * w * residual_slope_of(a.norm, c == 0 ? r.x : r.y) : T(0);
  }
  return p;
}

// What residual t adds to its own frame at its own pixel: -2 q, and the pull of the point ahead.
template <class T> KT_HD void own_part(const AdvectedPixel<T>& p, T (&own)[2]) {
  own[0] = own[1] = T(0);
  if (!p.used) return;
  sample_pull(p.after, p.ahead, p.q, own);
  for (int c = 0; c < 2; ++c) own[c] = fma(T(-2), p.q[c], own[c]);
}

// Adds upstream to the four pixels of a point, sample() transposed: add(channel, pixel y * W + x, value).
#pragma nv_exec_check_disable  // `add` may be for the device only
template <class T, class Add> KT_HD void spread(const FlowField<T>& f, const SamplePoint<T>& p, const T (&upstream)[2],
                                                const Add& add) {
  const int64_t right = int64_t(p.x) + 1 < f.width ? 1 : 0, down = int64_t(p.y) + 1 < f.height ? f.width : 0;
  const int64_t at = int64_t(p.y) * f.width + int64_t(p.x);
  for (int c = 0; c < 2; ++c) {
    add(c, at, (T(1) - p.fy) * (T(1) - p.fx) * upstream[c]);
    add(c, at + right, (T(1) - p.fy) * p.fx * upstream[c]);
    add(c, at + down, p.fy * (T(1) - p.fx) * upstream[c]);
    add(c, at + down + right, p.fy * p.fx * upstream[c]);
  }
}

// What residual t adds to frame t + 1.
#pragma nv_exec_check_disable  // `add` may be for the device only
template <class T, class Add> KT_HD void spread_ahead(const AdvectedPixel<T>& p, const Add& add) {
  if (p.used) spread(p.after, p.ahead, p.q, add);
}

// What residual t adds to frame t - 1: at y_k, and through y_k = x - before(y_{k-1}) at each earlier point and at last
// the pixel itself. Earlier points are computed again rather than kept.
#pragma nv_exec_check_disable  // `add` may be for the device only
template <class T, class Add> KT_HD void spread_behind(const AdvectedPixel<T>& p, int iterations, const Add& add) {
  if (!p.used) return;
  T upstream[2] = {p.q[0], p.q[1]};
  SamplePoint<T> point = p.behind;
  for (int k = iterations;; --k) {
    spread(p.before, point, upstream, add);
    T pulled[2];
    sample_pull(p.before, point, upstream, pulled);
    upstream[0] = -pulled[0], upstream[1] = -pulled[1];
    if (k == 0) break;
    point = point_behind(p.before, p.px, p.py, p.u[0], p.u[1], k - 1);
  }
  const int64_t here = int64_t(p.py) * p.before.width + int64_t(p.px);
  add(0, here, upstream[0]), add(1, here, upstream[1]);
}

// Largest finite |value| that a residual map spreads to the frame ahead and behind, and whether any is not finite.
struct SpreadBounds {
  double ahead = 0, behind = 0;
  bool odd = false;
};

template <class T> struct BoundAdd {
  double& largest;
  bool& odd;
  KT_HD void operator()(int, int64_t, T value) const {
    const double v = double(abs(value));
    if (!is_finite(v)) odd = true;
    else if (v > largest) largest = v;
  }
};
template <class T> KT_HD void bound_spread(const AdvectedPixel<T>& p, int iterations, SpreadBounds& bounds) {
  spread_ahead(p, BoundAdd<T>{bounds.ahead, bounds.odd});
  spread_behind(p, iterations, BoundAdd<T>{bounds.behind, bounds.odd});
}

// Bounds of residual t of a problem as the passes hand them on: kSpreadBounds doubles per frame, ahead, behind, odd.
constexpr int kSpreadBounds = 3;
template <class T> KT_HD double* spread_bounds(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t) {
  return static_cast<double*>(a.workspace) + (problem * a.frames + t) * kSpreadBounds;
}

// Scale of the fixed-point sums of a frame: residual f - 1 spreads ahead to it, residual f + 1 behind.
template <class T> KT_HD double frame_scale(const KinematicResidualArgs<T>& a, int64_t problem, int64_t f) {
  const double ahead = f >= 2 ? spread_bounds(a, problem, f - 1)[0] : 0.0,
               behind = f + 3 <= a.frames ? spread_bounds(a, problem, f + 1)[1] : 0.0;
  return fixed_scale(ahead > behind ? ahead : behind, double(a.iterations + 3) * 4 * double(a.pixels()));
}

// Adds finite values to the sums of a frame, (2, H, W); the others are marked afterwards.
template <class T> struct FixedAdd {
  int64_t* sums;
  int64_t pixels;
  double scale;
  KT_HD void operator()(int c, int64_t pixel, T value) const {
    if (is_finite(value)) sums[c * pixels + pixel] += to_fixed(double(value), scale);
  }
};
// A value that is not finite makes the gradient NaN wherever it goes.
template <class T> struct MarkAdd {
  T* gradient;
  int64_t pixels;
  KT_HD void operator()(int c, int64_t pixel, T value) const {
    if (!is_finite(value)) gradient[c * pixels + pixel] = quiet_nan<T>();
  }
};

KT_MATHS_END
