// group_advantages: the last step of modes whose advantages depend on the whole batch.
#pragma once
#include "statistics.hpp"

KT_MATHS_BEGIN

// The batch's statistics are of these: combined rewards (batch_std, gpg), or what the groups made of them.
template <class T> KT_HD double batch_term(const GroupAdvantagesArgs<T>& a, int64_t row) {
  const bool rewards = a.mode == AdvantageMode::batch_std || a.mode == AdvantageMode::gpg;
  return a.stage[(rewards ? a.rows : 0) + row];
}
template <class T> KT_HD bool is_whitening(const GroupAdvantagesArgs<T>& a) {
  return a.mode == AdvantageMode::reinforce_pp_baseline;
}

// Everything known of the batch; plain numbers, the same wherever they were added up.
struct BatchStatistics {
  double rows = 0, count = 0, nonzero = 0, low = 0, high = 0, tokens = 0, longest = 0, mean = 0, divisor = 0;
};

// Whitening as verl writes it: means over tokens + 1e-8.
template <class T> KT_HD double batch_mean(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s, double total) {
  if (is_whitening(a)) return total / (s.tokens + 1e-8);
  return s.count > 0 ? within(total / s.count, s.low, s.high) : 0.0;
}
template <class T> KT_HD double first_bound(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s) {
  if (!(s.count > 0)) return 0;
  const double largest = max(abs(s.low), abs(s.high));
  return is_whitening(a) ? s.longest * largest : largest;
}
template <class T> KT_HD double second_bound(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s) {
  if (!(s.count > 0)) return 0;
  const double down = abs(s.low - s.mean), up = abs(s.high - s.mean), far = max(down, up);
  return is_whitening(a) ? s.longest * (far * far) : far * far;
}
template <class T> KT_HD double first_term(const GroupAdvantagesArgs<T>& a, double x, double length) {
  return is_whitening(a) ? length * x : x;
}
template <class T>
KT_HD double second_term(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s, double x, double length) {
  const double d = x - s.mean;
  return is_whitening(a) ? length * (d * d) : d * d;
}

// What the rows are divided by; NaN where the batch has too few.
template <class T> KT_HD double batch_divisor(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s,
                                              double squares) {
  if (a.mode == AdvantageMode::gpg) return s.nonzero * a.f_norm / (s.count > 0 ? s.count : 1.0);
  if (!is_whitening(a)) return deviation_of(a, squares, s.count) + a.eps;
  if (!(s.tokens > 1)) return quiet_nan<double>();
  return sqrt(squares / (s.tokens + 1e-8) * (s.tokens / (s.tokens - 1)) + 1e-8);
}

template <class T> KT_HD double batch_value(const GroupAdvantagesArgs<T>& a, const BatchStatistics& s, int64_t row) {
  const double x = a.stage[row];
  if (a.propagate && s.count != s.rows) return quiet_nan<double>();
  if (!(x == x)) return shown(a, x);
  if (!(s.divisor > 0)) return 0;
  const bool centred = a.mode == AdvantageMode::gdpo || is_whitening(a);
  return (centred ? x - s.mean : x) / s.divisor;
}

KT_MATHS_END
