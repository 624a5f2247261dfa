// fit_segments, the maths: the criterion that decides how many segments a track has.
#pragma once
#include <cstring>

#include "../core/math.hpp"
#if !defined(__CUDACC__)
#include "../core/pack.hpp"
#endif
#include "types.hpp"

KT_MATHS_BEGIN

// x = m 2^e with m in [sqrt(1/2), sqrt(2)), for normal x > 0.
KT_HD void split_exponent(double x, double& m, double& e) {
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int64_t exponent = (bits - int64_t(0x3fe6a09e667f3bcd)) >> 52;
  bits -= exponent * (int64_t(1) << 52);
  memcpy(&m, &bits, sizeof m);
  e = double(exponent);
}
#if !defined(__CUDACC__)
template <int W>
KT_HD void split_exponent(Pack<double, W> x, Pack<double, W>& m, Pack<double, W>& e) {
  for (int i = 0; i < W; ++i) {
    double mantissa, exponent;
    split_exponent(double(x.v[i]), mantissa, exponent);
    m.v[i] = mantissa, e.v[i] = exponent;
  }
}
#endif

// Natural logarithm of a normal number, to about 1e-15: the C libraries' differ in the last bit from one another and from
// CUDA's, and the number of segments must not. log m = 2 atanh(z), z = (m - 1) / (m + 1), |z| < 0.172.
template <class V>
KT_HD V natural_log(V x) {
  V m, e;
  split_exponent(x, m, e);
  const V z = (m - V(1.0)) / (m + V(1.0)), zz = z * z;
  V series{1.0 / 23};
  for (int k = 21; k >= 3; k -= 2) series = fma(series, zz, V(1.0 / k));
  const V log_m = fma(z * zz, series + series, z + z);
  return fma(e, V(0.693147180369123816490), fma(e, V(1.90821492927058770002e-10), log_m));
}

// The largest power of two <= x for normal x; the smallest normal number below that.
KT_HD double power_of_two_below(double x) {
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits &= int64_t(0x7ff0000000000000);
  if (bits == 0) bits = int64_t(1) << 52;
  memcpy(&x, &bits, sizeof x);
  return x;
}
#if !defined(__CUDACC__)
template <int W>
KT_HD Pack<double, W> power_of_two_below(Pack<double, W> x) {
  Pack<double, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = power_of_two_below(double(x.v[i]));
  return r;
}
#endif

// What the criterion needs besides the sums of squares e[0..levels] of the best divisions into 1 .. levels + 1 segments.
template <class V>
struct SegmentChoice {
  int order, dims, levels;
  int64_t least;
  Criterion criterion;
  V count, floor;
  V known_factor;  // turns a sum of squares into multiples of the known variance; 0: the variance is not known

  KT_HD V choose(const V* e, bool known) const {
    V best_k{1.0};
    if (criterion == Criterion::fixed) {
      for (int k = 2; k <= levels + 1; ++k) best_k = select(count >= V(double(k * least)), V(double(k)), best_k);
      return best_k;
    }
    const V values = count * V(double(dims)), log_values = natural_log(max(values, V(1.0)));
    V best_score{limits<double>::largest};
    for (int k = 1; k <= kMaxSegments; ++k) {
      if (k > levels + 1) break;
      const double parameters = double(k * (order + 1) * dims + 2 * (k - 1));
      const V freedom = values - V(parameters);
      const mask_of<V> allowed = (freedom > V(0.0)) & (e[k - 1] <= V(limits<double>::largest));
      V misfit;
      if (known) {
        misfit = e[k - 1] * known_factor;
      } else {
        const V sse = select(allowed & (e[k - 1] > floor), e[k - 1], floor);
        misfit = values * natural_log(max(sse / select(allowed, freedom, V(1.0)), V(limits<double>::smallest)));
      }
      const V score = select(allowed, fma(V(parameters), log_values, misfit), V(limits<double>::largest));
      const mask_of<V> better = score < best_score;
      best_score = select(better, score, best_score);
      best_k = select(better, V(double(k)), best_k);
    }
    return select(e[0] <= floor, V(1.0), best_k);
  }
};

KT_MATHS_END
