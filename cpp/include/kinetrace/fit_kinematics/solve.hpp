// fit_kinematics, the maths: weighted least squares of a polynomial in time by orthogonal polynomials of the used points.
//
// Per problem: time is shifted to the used points and scaled, positions are shifted to one of them, and the polynomials
//   p0 = 1, p1 = u - a0, p2 = (u - a1) p1 - b1, p3 = (u - a2) p2 - b2 p1
// are made orthogonal under the weights (Forsythe), one pass over the frames each, so that every coefficient is one
// quotient c_k = <p_k, x> / <p_k, p_k> and nothing is inverted. Normal equations in the frame index lose all digits of
// float32 when a short window of a long track is visible; this form keeps them. A last pass sums the residuals: their
// sum of squares from moments would cancel. V is a scalar (one thread per problem) or a pack (one problem per lane).
#pragma once
#include "rows.hpp"

KT_MATHS_BEGIN

template <class V, int D, int K> struct FitSolver {
  using T = scalar_of<V>;
  using M = mask_of<V>;

  FitRows<V, D> rows;
  V weight_scale, count, weight_sum, reference[D], shift[D];  // positions, as in the rows, are centred on the shift
  V time_scale, time_offset, half_span;  // u = time * scale + offset
  V a[3], b[3], inverse_norm2[4];
  V norm2[4], c[4][D];
  V sse;
  M invalid_weight, non_finite, singular;

  // What rows and centre have already seen of the problem.
  KT_HD explicit FitSolver(const FitRows<V, D>& r, const FitCentre<V, D>& seen)
      : rows(r),
        weight_scale(seen.weight_scale),
        count(seen.count),
        weight_sum(seen.weight_sum),
        invalid_weight(seen.invalid_weight) {
    non_finite = !(is_finite(seen.time_sum) & is_finite(seen.span));
    singular = K >= 1 ? !(seen.span > V(T(0))) : M(false);
    time_scale = seen.scale;
    time_offset = seen.offset;
    half_span = seen.span * seen.scale * V(T(0.5));
    for (int d = 0; d < D; ++d) reference[d] = seen.reference[d], shift[d] = V(T(0));
    for (int k = 0; k < 3; ++k) a[k] = b[k] = V(T(0));
    for (int k = 0; k < 4; ++k) norm2[k] = inverse_norm2[k] = V(T(1));
    inverse_norm2[0] = seen.inverse_sum;
  }

  KT_HD V u_at(int64_t t) const { return fma(rows.time_at(t), time_scale, time_offset); }
  KT_HD V centred(int64_t t, int d) const { return rows.position(t, d) - shift[d]; }

  // The first pass over the frames, unless the first look has taken it: the same numbers.
  KT_HD FitSums<V, D, K> sums() const {
    FitSums<V, D, K> r;
    for (int64_t t = 0; t < rows.frames; ++t) {
      const auto p = r.add_weight(rows.weight(t), u_at(t));
      for (int d = 0; d < D; ++d) r.add_position(d, p, centred(t, d));
      rows.template fetch_positions<2>(t, 4);
      rows.template fetch_weights<2>(t, 4);
    }
    return r;
  }

  // <u^i, 1> and <u^i, x> give p1 and, for K = 2, p2 where that loses no more than three bits; elsewhere, and for p3, one
  // pass each sums <p_k, p_k>, <u p_k, p_k> and <p_k, x>.
  KT_HD void orthogonalize(const FitSums<V, D, K>& sums) {
    const V square = half_span * half_span, tiny = V(T(4096) * limits<T>::epsilon * limits<T>::epsilon) * weight_sum;
    const V(*x)[D] = sums.x;
    norm2[0] = weight_sum;
    for (int d = 0; d < D; ++d) {
      c[0][d] = x[0][d] * inverse_norm2[0];
      non_finite = non_finite | !is_finite(x[0][d]);
    }
    if constexpr (K >= 1) {
      a[0] = sums.m1 * inverse_norm2[0];
      norm2[1] = fma(-a[0], sums.m1, sums.m2);
      inverse_norm2[1] = V(T(1)) / norm2[1];
      for (int d = 0; d < D; ++d) c[1][d] = fma(-a[0], x[0][d], x[1][d]) * inverse_norm2[1];
      // <u p1, p1> = m3 - 2 a0 m2 + a0^2 m1
      if constexpr (K >= 2) a[1] = fma(-a[0], fma(V(T(2)), sums.m2, -(a[0] * sums.m1)), sums.m3) * inverse_norm2[1];
      b[1] = norm2[1] * inverse_norm2[0];
      singular = singular | !(norm2[1] > tiny * square);
    }
    if constexpr (K == 2) {
      // p2 = u^2 - s u + q, <p2, p2> = <p2, u^2>
      const V s = a[0] + a[1], q = fma(a[0], a[1], -b[1]), norm = fma(q, sums.m2, fma(-s, sums.m3, sums.m4));
      const M cancels = !(norm > V(T(0.125)) * sums.m4);
      set_norm(2, norm, M(true));
      for (int d = 0; d < D; ++d) c[2][d] = fma(q, x[0][d], fma(-s, x[1][d], x[2][d])) * inverse_norm2[2];
      if (any(cancels)) higher<2>(cancels);
    }
    if constexpr (K == 3) higher<2>(M(true)), higher<3>(M(true));
    V least = tiny * square;
    for (int k = 2; k <= K; ++k) {
      least = least * square;
      singular = singular | !(norm2[k] > least);
    }
    expand();
  }

  // Squared residual of frame t.
  KT_HD V squared_residual(int64_t t) const {
    const V u = u_at(t);
    V square{T(0)};
    for (int d = 0; d < D; ++d) {
      V slope = power[K][d];
      for (int k = K - 1; k >= 1; --k) slope = fma(slope, u, power[k][d]);
      V r = rows.position(t, d) - base[d];
      if constexpr (K >= 1) r = fma(-slope, u, r);
      square = d ? fma(r, r, square) : r * r;
    }
    return square;
  }
  // Weighted sum of squared residuals.
  KT_HD void residuals() {
    sse = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      if (!rows.kManyRegisters) rows.template fetch_positions<3>(t, 1);
      rows.template fetch_weights<3>(t, 1);
      sse = fma(rows.weight(t), squared_residual(t), sse);
    }
  }
  // The same for kQuick, four frames at a time: with value m, slope s and second power q midway between them, the fit is
  // m + q / 4 -+ s / 2 at the inner two and 2 q -+ s further at the outer two.
  KT_HD void quick_residuals() {
    static_assert(K == 2);
    V nearby[D], half[D], twice[D];
    for (int d = 0; d < D; ++d) {
      nearby[d] = fma(power[2][d], V(T(0.25)), base[d]);
      half[d] = power[1][d] * V(T(0.5));
      twice[d] = power[2][d] + power[2][d];
    }
    sse = V(T(0));
    for (int64_t t = 0; t < rows.frames; t += 4) {
      if (!rows.kManyRegisters) rows.template fetch_positions<3, 4>(t, 1);
      rows.template fetch_weights<3, 4>(t, 1);
      const V u = (rows.time_at(t) + time_offset) + V(T(1.5));
      V inner[D], outer[D], step[D], steps[D];
      for (int d = 0; d < D; ++d) {
        inner[d] = fma(fma(power[2][d], u, power[1][d]), u, nearby[d]);
        outer[d] = inner[d] + twice[d];
        step[d] = fma(power[2][d], u, half[d]);
        steps[d] = step[d] * V(T(3));
      }
      for (int i = 0; i < 4; ++i) {
        if (t + i >= rows.frames) break;
        V square{T(0)};
        for (int d = 0; d < D; ++d) {
          const V y = rows.position(t + i, d);
          const V r = i == 0   ? (y - outer[d]) + steps[d]
                      : i == 1 ? (y - inner[d]) + step[d]
                      : i == 2 ? (y - inner[d]) - step[d]
                               : (y - outer[d]) - steps[d];
          square = d ? fma(r, r, square) : r * r;
        }
        sse = fma(rows.weight(t + i), square, sse);
      }
    }
  }
  // After the weights changed: positions are centred on the last fit's mean.
  KT_HD void recentre(V new_weight_sum) {
    weight_sum = new_weight_sum;
    inverse_norm2[0] = V(T(1)) / select(weight_sum > V(T(0)), weight_sum, V(T(1)));
    for (int d = 0; d < D; ++d) shift[d] = shift[d] + c[0][d];
  }

 private:
  V power[4][D], base[D];  // the fit as powers of u; what the rows' positions have at u = 0

  // The fit's powers of u, from its orthogonal polynomials: p_k = (u - a_{k-1}) p_{k-1} - b_{k-1} p_{k-2}.
  KT_HD void expand() {
    V p[3][4];  // the last three polynomials
    for (int k = 0; k <= K; ++k) {
      V* now = p[k % 3];
      for (int i = 0; i <= K; ++i) {
        now[i] = V(T(k == 0 && i == 0));
        if (k == 0 || i > k) continue;
        const V* before = p[(k + 2) % 3];
        V v = i > 0 ? before[i - 1] : V(T(0));
        if (i < k) v = fma(-a[k - 1], before[i], v);
        if (k > 1 && i < k - 1) v = fma(-b[k - 1], p[(k + 1) % 3][i], v);
        now[i] = v;
      }
      for (int d = 0; d < D; ++d)
        for (int i = 0; i <= k; ++i) power[i][d] = i < k ? fma(c[k][d], now[i], power[i][d]) : c[k][d];
    }
    for (int d = 0; d < D; ++d) base[d] = power[0][d] + shift[d];
  }

  KT_HD void set_norm(int k, V norm, M chosen) {
    norm2[k] = select(chosen, norm, norm2[k]);
    inverse_norm2[k] = V(T(1)) / norm2[k];
  }
  template <int k> KT_HD void higher(M chosen) {
    V norm{T(0)}, next{T(0)}, x[D];
    for (int d = 0; d < D; ++d) x[d] = V(T(0));
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t), u = u_at(t), p1 = u - a[0];
      V p = fma(u - a[1], p1, -b[1]);
      if constexpr (k == 3) p = fma(u - a[2], p, -(b[2] * p1));
      const V wp = w * p;
      if constexpr (k < K) {
        const V wpp = wp * p;
        norm = norm + wpp;
        next = fma(wpp, u, next);
      } else {
        norm = fma(wp, p, norm);
      }
      for (int d = 0; d < D; ++d) x[d] = fma(wp, centred(t, d), x[d]);
    }
    set_norm(k, norm, chosen);
    for (int d = 0; d < D; ++d) c[k][d] = select(chosen, x[d] * inverse_norm2[k], c[k][d]);
    if constexpr (k < K) a[k] = next * inverse_norm2[k], b[k] = norm * inverse_norm2[k - 1];
  }
};

KT_MATHS_END
