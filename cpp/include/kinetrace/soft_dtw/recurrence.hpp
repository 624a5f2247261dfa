// soft-DTW: one cell of the recurrence and of its reverse, for one pair or a pack of pairs.
//
// R[i][j] = c[i][j] + softmin(R[i-1][j-1], R[i-1][j], R[i][j-1]), softmin(a) = -gamma log sum exp(-a / gamma). What is kept is
// not R but Z = exp(-R / gamma): Z[i][j] = exp(-c / gamma) (Z[i-1][j-1] + Z[i-1][j] + Z[i][j-1]), sums of positive terms
// without a logarithm and with one exponential a cell. As Scaled numbers they neither overflow nor lose digits as R grows:
// each cell adds a few roundings to Z relatively, that is, so many times gamma to R absolutely.
#pragma once
#include "../core/scaled.hpp"

KT_MATHS_BEGIN

// Shares of the three predecessors in a cell's softmin; they add up to 1. Two are quotients and the third is what they leave,
// so that two numbers a cell are all that has to be kept. A predecessor that does not exist has exactly 0.
template <class V> struct SoftWeights {
  V up, left;
  mask_of<V> diagonal_counts;
  KT_HD V diagonal() const {
    using T = scalar_of<V>;
    return select(diagonal_counts, (V(T(1)) - up) - left, V(T(0)));
  }
};

template <class V> KT_HD Scaled<V> absent() {
  using T = scalar_of<V>;
  return {V(-ScaledLimits<T>::largest), V(T(1))};
}

// log2 of exp(-cost / gamma), rate = -1 / (gamma log 2); a cost beyond the range of exponents, infinite ones too, forbids
// its cell. NaN forbids it as well (whoever reads the costs has to notice NaN).
template <class V> KT_HD V soft_exponent(V cost, V rate) {
  using T = scalar_of<V>;
  return at_least(cost * rate, V(-ScaledLimits<T>::largest));
}

// Whether a cost is NaN, -inf, or so far below 0 that sums of it overflow.
template <class V> KT_HD mask_of<V> soft_meaningless(V cost, V rate) {
  return !(cost * rate <= V(ScaledLimits<scalar_of<V>>::largest));
}

// The same where costs may be negative: nor does a large negative one leave the range.
template <class V> KT_HD V soft_exponent_signed(V cost, V rate) {
  const V high = V(ScaledLimits<scalar_of<V>>::largest), x = soft_exponent(cost, rate);
  return select(x > high, high, x);
}

template <bool kWeights, class V> KT_HD Scaled<V> soft_cell(V x, Scaled<V> diagonal, Scaled<V> up, Scaled<V> left,
                                                            SoftWeights<V>& weights) {
  // Which sums leave the units that add and those that multiply about equally busy.
  constexpr bool kShifts = !kWeights, kSums = sizeof(scalar_of<V>) == 4;
  const Scaled<V> k = exp2_scaled(x);
  const V top = max(max(diagonal.exponent, up.exponent), left.exponent);
  const V to_diagonal = difference_of<kShifts>(diagonal.exponent, top),
          to_up = difference_of<kShifts>(up.exponent, top);
  const V to_left = difference_of<kShifts>(left.exponent, top);
  const V a = shrink(diagonal.mantissa, to_diagonal), b = shrink(up.mantissa, to_up),
          c = shrink(left.mantissa, to_left);
  const V sum = sum_of<kSums>(sum_of<kSums>(a, b), c);
  if constexpr (kWeights) {
    const V zero = V(scalar_of<V>(0)), inverse = V(scalar_of<V>(1)) / sum;
    weights.up = select(counts(to_up), b * inverse, zero);
    weights.left = select(counts(to_left), c * inverse, zero);
    weights.diagonal_counts = counts(to_diagonal);
  }
  return normalized(k.exponent + top, k.mantissa * sum);
}

// d value / d cost of a cell from what its successors pass on; what is below `tiny` is 0, so that no product of it with a
// weight is denormal.
template <class V> KT_HD V soft_flush(V e) {
  using T = scalar_of<V>;
  return select(e >= V(ScaledLimits<T>::tiny), e, V(T(0)));
}

// log of a mantissa in [1, 2): 2 artanh((m - 1) / (m + 1)) about 1 or 2, |argument| <= 0.172; relative error below 4e-16.
KT_HD double log_mantissa(double m) {
  const bool upper = m > 1.4142135623730951;
  const double f = upper ? 0.5 * m : m, s = (f - 1) / (f + 1), z = s * s;
  double p = 1.0 / 21;
  for (int k = 19; k >= 3; k -= 2) p = fma(p, z, 1.0 / k);
  const double log = 2 * fma(s * z, p, s);
  return upper ? log + 0.69314718055994531 : log;
}

// R from the Z of the last cell; +inf where no path exists.
template <class T> KT_HD bool soft_feasible(T exponent) { return exponent > ScaledLimits<T>::absent_below; }
template <class T> KT_HD T soft_value(T exponent, T mantissa, T rate) {
  if (!soft_feasible(exponent)) return infinity<T>();
  return T((double(exponent) + log_mantissa(double(mantissa)) * 1.4426950408889634) / double(rate));
}
template <class T> KT_HD T soft_rate(double gamma) { return T(-1 / (gamma * 0.69314718055994531)); }

KT_MATHS_END
