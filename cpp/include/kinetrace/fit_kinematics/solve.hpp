// fit_kinematics, the maths: weighted least squares of a polynomial in time by orthogonal polynomials of the used points.
//
// Per problem: time is shifted and scaled to the used points, positions are centred, and the polynomials
//   p0 = 1, p1 = u - a0, p2 = (u - a1) p1 - b1, p3 = (u - a2) p2 - b2 p1
// are made orthogonal under the weights (Forsythe), one pass over the frames each, so that every coefficient is one
// quotient c_k = <p_k, x> / <p_k, p_k> and nothing is inverted. Normal equations in the frame index lose all digits of
// float32 when a short window of a long track is visible; this form keeps them. A last pass sums the residuals: their
// sum of squares from moments would cancel. V is a scalar (one thread per problem) or a pack (one problem per lane).
#pragma once
#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Where the frames of V's problems lie. Row `r` of lane `l` is at data[r * pitch + l].
template <class V, int D> struct FitRows {
  using T = scalar_of<V>;
  T* data;         // rows t * (D + 1) + d: positions, + D: weight
  int64_t pitch;
  const T* time;   // row t: time, in seconds or frames
  int64_t time_pitch;
  T* extra;        // rows 2 t, 2 t + 1: weight before re-weighting, norm of the residual
  int64_t frames;

  KT_HD V position(int64_t t, int d) const { return load<V>(data + (t * (D + 1) + d) * pitch); }
  KT_HD V weight(int64_t t) const { return load<V>(data + (t * (D + 1) + D) * pitch); }
  KT_HD V time_at(int64_t t) const { return load<V>(time + t * time_pitch); }
  KT_HD void set_position(int64_t t, int d, V x) const { store(data + (t * (D + 1) + d) * pitch, x); }
  KT_HD void set_weight(int64_t t, V w) const { store(data + (t * (D + 1) + D) * pitch, w); }
  KT_HD V base_weight(int64_t t) const { return load<V>(extra + 2 * t * pitch); }
  KT_HD V norm(int64_t t) const { return load<V>(extra + (2 * t + 1) * pitch); }
  KT_HD void set_base_weight(int64_t t, V w) const { store(extra + 2 * t * pitch, w); }
  KT_HD void set_norm(int64_t t, V r) const { store(extra + (2 * t + 1) * pitch, r); }
};

template <class V, int D, int K> struct FitSolver {
  using T = scalar_of<V>;
  using M = mask_of<V>;

  FitRows<V, D> rows;
  V weight_scale{T(1)};             // what made the largest weight 1
  V count{T(0)}, weight_sum, reference[D];
  V time_scale, time_offset;        // u = time * scale + offset
  V a[3] = {V(T(0)), V(T(0)), V(T(0))}, b[3] = {V(T(0)), V(T(0)), V(T(0))};
  V norm2[4] = {V(T(1)), V(T(1)), V(T(1)), V(T(1))};
  V c[4][D];
  V sse;
  M invalid_weight{false}, non_finite{false}, singular{false};

  KT_HD explicit FitSolver(const FitRows<V, D>& r) : rows(r) {}

  KT_HD V u_at(int64_t t) const { return fma(rows.time_at(t), time_scale, time_offset); }
  // p[0..K] at u
  KT_HD void polynomials(V u, V* p) const {
    p[0] = V(T(1));
    if constexpr (K >= 1) p[1] = u - a[0];
    if constexpr (K >= 2) p[2] = fma(u - a[1], p[1], -b[1]);
    if constexpr (K >= 3) p[3] = fma(u - a[2], p[2], -(b[2] * p[1]));
  }

  // Checks and rescales the weights (largest 1: products of denormal weights would lose their digits), hides what is not
  // used, counts, and sums what the centring needs.
  KT_HD void prepare(bool weighted) {
    V largest{T(0)};
    if (weighted) {
      for (int64_t t = 0; t < rows.frames; ++t) {
        const V w = rows.weight(t);
        invalid_weight = invalid_weight | !((w >= V(T(0))) & (w <= V(limits<T>::largest)));
        largest = max(w, largest);
      }
      invalid_weight = invalid_weight | ((largest > V(T(0))) & (largest < V(limits<T>::smallest)));
      weight_scale = V(T(1)) / select(largest > V(T(0)), largest, V(T(1)));
    }
    M seen{false};
    V x0[D], t0{T(0)}, t_low{T(0)}, t_high{T(0)}, s0{T(0)}, st{T(0)}, sx[D];
    for (int d = 0; d < D; ++d) x0[d] = sx[d] = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V raw = rows.weight(t), w = raw * weight_scale, time = rows.time_at(t);
      const M used = raw != V(T(0)), first = used & !seen;
      seen = seen | used;
      count = count + select(used, V(T(1)), V(T(0)));
      s0 = s0 + w;
      t0 = select(first, time, t0);
      t_low = select(used & (first | (time < t_low)), time, t_low);
      t_high = select(used & (first | (time > t_high)), time, t_high);
      st = fma(w, select(used, time - t0, V(T(0))), st);
      for (int d = 0; d < D; ++d) {
        const V x = select(used, rows.position(t, d), V(T(0)));
        rows.set_position(t, d, x);
        x0[d] = select(first, x, x0[d]);
        sx[d] = fma(w, x - x0[d], sx[d]);
      }
      if (weighted) rows.set_weight(t, w);
    }
    non_finite = !is_finite(st);
    for (int d = 0; d < D; ++d) non_finite = non_finite | !is_finite(sx[d]);
    const V span = t_high - t_low;
    non_finite = non_finite | !is_finite(span);
    if constexpr (K >= 1) singular = !(span > V(T(0)));
    time_scale = V(T(2)) / select(span > V(T(0)), span, V(T(2)));
    weight_sum = s0;
    const V safe = select(s0 > V(T(0)), s0, V(T(1)));
    time_offset = -((t0 + st / safe) * time_scale);
    for (int d = 0; d < D; ++d) reference[d] = x0[d] + sx[d] / safe;
  }

  // The passes: pass k sums <p_k, p_k>, <u p_k, p_k> and <p_k, x>. Times that are not used may be anything, so their
  // polynomials are not multiplied by zero but replaced.
  KT_HD void orthogonalize(bool hide_times) {
    const V tiny = V(T(4096) * limits<T>::epsilon * limits<T>::epsilon) * weight_sum;
    V m1{T(0)}, m2{T(0)}, m3{T(0)}, x0[D], x1[D];
    for (int d = 0; d < D; ++d) x0[d] = x1[d] = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t);
      V u = u_at(t);
      if (hide_times) u = select(w > V(T(0)), u, V(T(0)));
      const V wu = w * u, wuu = wu * u;
      if constexpr (K >= 1) m1 = m1 + wu, m2 = m2 + wuu;
      if constexpr (K >= 2) m3 = fma(wuu, u, m3);
      for (int d = 0; d < D; ++d) {
        const V y = rows.position(t, d) - reference[d];
        x0[d] = fma(w, y, x0[d]);
        if constexpr (K >= 1) x1[d] = fma(wu, y, x1[d]);
      }
    }
    const V safe = select(weight_sum > V(T(0)), weight_sum, V(T(1)));
    norm2[0] = weight_sum;
    for (int d = 0; d < D; ++d) c[0][d] = x0[d] / safe;
    if constexpr (K >= 1) {
      a[0] = m1 / safe;
      norm2[1] = fma(-a[0], m1, m2);
      for (int d = 0; d < D; ++d) c[1][d] = fma(-a[0], x0[d], x1[d]) / norm2[1];
      // <u p1, p1> = m3 - 2 a0 m2 + a0^2 m1
      if constexpr (K >= 2) a[1] = fma(-a[0], fma(V(T(2)), m2, -(a[0] * m1)), m3) / norm2[1];
      b[1] = norm2[1] / safe;
      singular = singular | !(norm2[1] > tiny);
    }
    if constexpr (K >= 2) higher<2>(hide_times, tiny);
    if constexpr (K >= 3) higher<3>(hide_times, tiny);
  }

  // Weighted sum of squared residuals; with `keep`, the norms are stored for re-weighting (NaN where not used).
  template <bool kKeep> KT_HD void residuals(bool hide_times) {
    sse = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t);
      V u = u_at(t), p[4], square{T(0)};
      if (hide_times) u = select(w > V(T(0)), u, V(T(0)));
      polynomials(u, p);
      for (int d = 0; d < D; ++d) {
        V r = (rows.position(t, d) - reference[d]) - c[0][d];
        for (int k = 1; k <= K; ++k) r = fma(-c[k][d], p[k], r);
        square = fma(r, r, square);
      }
      if constexpr (kKeep) rows.set_norm(t, select(rows.base_weight(t) > V(T(0)), sqrt(square), V(quiet_nan<T>())));
      else sse = fma(w, square, sse);
    }
  }

  // Centring again after the weights changed: only the sums move, the used points stay the same.
  KT_HD void recentre() {
    V s0{T(0)}, sx[D];
    for (int d = 0; d < D; ++d) sx[d] = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t);
      s0 = s0 + w;
      for (int d = 0; d < D; ++d) sx[d] = fma(w, rows.position(t, d) - reference[d], sx[d]);
    }
    weight_sum = s0;
    const V safe = select(s0 > V(T(0)), s0, V(T(1)));
    for (int d = 0; d < D; ++d) reference[d] = reference[d] + sx[d] / safe;
  }

 private:
  template <int k> KT_HD void higher(bool hide_times, V tiny) {
    V norm{T(0)}, next{T(0)}, x[D];
    for (int d = 0; d < D; ++d) x[d] = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t);
      V u = u_at(t);
      if (hide_times) u = select(w > V(T(0)), u, V(T(0)));
      const V p1 = u - a[0];
      V p = fma(u - a[1], p1, -b[1]);
      if constexpr (k == 3) p = fma(u - a[2], p, -(b[2] * p1));
      const V wp = w * p, wpp = wp * p;
      norm = norm + wpp;
      if constexpr (k < K) next = fma(wpp, u, next);
      for (int d = 0; d < D; ++d) x[d] = fma(wp, rows.position(t, d) - reference[d], x[d]);
    }
    norm2[k] = norm;
    for (int d = 0; d < D; ++d) c[k][d] = x[d] / norm;
    if constexpr (k < K) a[k] = next / norm, b[k] = norm / norm2[k - 1];
    singular = singular | !(norm > tiny);
  }
};

KT_MATHS_END
