// group_advantages: what is known of a group, and what a row gets from it. V is one group, or a Pack of several.
#pragma once
#include "exact_sum.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

template <class T> KT_HD bool ends_with_batch(const GroupAdvantagesArgs<T>& a) {
  return a.mode == AdvantageMode::batch_std || a.mode == AdvantageMode::gdpo ||
         a.mode == AdvantageMode::reinforce_pp_baseline || a.mode == AdvantageMode::gpg;
}
template <class T> KT_HD bool needs_squares(const GroupAdvantagesArgs<T>& a) {
  return a.mode == AdvantageMode::grpo || a.mode == AdvantageMode::gdpo || (a.mode == AdvantageMode::passk && a.scale);
}
template <class T> KT_HD bool columns_apart(const GroupAdvantagesArgs<T>& a) {
  return a.apart || a.mode == AdvantageMode::gdpo;
}

// Rewards that are unavailable are NaN from here on.
KT_HD bool is_available(double x) { return abs(x) < kTooLarge; }

template <class T> KT_HD double reward_at(const GroupAdvantagesArgs<T>& a, int64_t row, int64_t column) {
  const double x = double(a.rewards.data[row * a.rewards.stride[0] + column * a.rewards.stride[1]]);
  return is_available(x) ? x : quiet_nan<double>();
}

// Weighted sum of the available rewards of a row, by ascending column; NaN when there is none.
template <class T> KT_HD double combined_reward(const GroupAdvantagesArgs<T>& a, int64_t row) {
  double sum = 0;
  bool some = false;
  for (int64_t k = 0; k < a.columns; ++k) {
    const double x = reward_at(a, row, k);
    if (!is_available(x)) continue;
    sum = fma(a.weights[k], x, sum), some = true;
  }
  return some && is_available(sum) ? sum : quiet_nan<double>();
}

template <class T> KT_HD double row_reward(const GroupAdvantagesArgs<T>& a, int64_t row, int64_t column) {
  return columns_apart(a) ? reward_at(a, row, column) : combined_reward(a, row);
}

template <class T> KT_HD bool is_scorable(const GroupAdvantagesArgs<T>& a, int64_t row) {
  for (int64_t k = 0; k < a.columns; ++k)
    if (is_available(reward_at(a, row, k))) return true;
  return false;
}

template <class T> KT_HD double length_at(const GroupAdvantagesArgs<T>& a, int64_t row) {
  const int64_t n = a.lengths32.data   ? a.lengths32.data[row * a.lengths32.stride[0]]
                    : a.lengths64.data ? a.lengths64.data[row * a.lengths64.stride[0]]
                                       : 1;
  return n > 0 ? double(n) : 0.0;
}

// Of the available rewards. `tokens` and `longest` only where lengths count.
template <class V> struct Extremes {
  V count = V(0.0), low = V(infinity<double>()), high = V(-infinity<double>()), tokens = V(0.0), longest = V(0.0);

  KT_HD void add(V x, mask_of<V> available) {
    count = count + select(available, V(1.0), V(0.0));
    low = min(select(available, x, low), low);
    high = max(select(available, x, high), high);
  }
  KT_HD V bound() const { return select(count > V(0.0), max(abs(low), abs(high)), V(0.0)); }
  // Of the squared distances to anything in [low, high].
  KT_HD V square_bound() const {
    const V range = high - low;
    return select(count > V(0.0), range * range, V(0.0));
  }
};

// A mean never leaves the range of its values: equal rewards have no deviation at all.
template <class V> KT_HD V within(V mean, V low, V high) { return min(max(mean, low), high); }

template <class V> struct GroupStatistics {
  V rows, count, low, high, sum, mean, deviation, second, factor;
};

template <class T, class V>
KT_HD void set_mean(const GroupAdvantagesArgs<T>& a, const Extremes<V>& e, V total, GroupStatistics<V>& s) {
  s.count = e.count, s.low = e.low, s.high = e.high, s.sum = total;
  const bool weighted = a.mode == AdvantageMode::opo;
  const V divisor = weighted ? e.tokens : e.count;
  const V mean = within(total / select(divisor > V(0.0), divisor, V(1.0)), e.low, e.high);
  const mask_of<V> single = e.count == V(1.0);
  s.mean = a.singleton_raw ? select(single, V(0.0), mean) : mean;
  s.factor = select(e.count > V(1.0), e.count / (e.count - V(1.0)), V(a.singleton_raw ? 1.0 : 0.0));
  if (weighted)  // a group without tokens has no baseline
    s.factor = select((e.tokens > V(0.0)) | (single & mask_of<V>(a.singleton_raw)), V(1.0), V(0.0));
  s.deviation = V(1.0), s.second = V(0.0);
}

// Too few rewards for ddof: NaN, which scaled() turns into 0.
template <class T, class V> KT_HD V deviation_of(const GroupAdvantagesArgs<T>& a, V squares, V count) {
  const V freedom = count - V(a.ddof);
  return select(freedom > V(0.0), sqrt(max(squares / freedom, V(a.var_floor))), V(quiet_nan<double>()));
}

template <class T, class V>
KT_HD void set_deviation(const GroupAdvantagesArgs<T>& a, V squares, GroupStatistics<V>& s) {
  s.deviation = deviation_of(a, squares, s.count);
  if (a.singleton_raw) s.deviation = select(s.count == V(1.0), V(1.0), s.deviation);
}

// difference / (deviation + eps), 0 where there is nothing to divide by.
template <class T, class V> KT_HD V scaled(const GroupAdvantagesArgs<T>& a, V difference, V deviation) {
  const V by = deviation + V(a.eps);
  const mask_of<V> usable = by > V(0.0);
  return select(usable, difference / select(usable, by, V(1.0)), V(0.0));
}

// What a row with an available reward x gets from its group; the batch's part comes later.
template <class T, class V> KT_HD V from_group(const GroupAdvantagesArgs<T>& a, const GroupStatistics<V>& s, V x) {
  const V difference = x - s.mean;
  switch (a.mode) {
    case AdvantageMode::grpo:
    case AdvantageMode::gdpo: return scaled(a, difference, s.deviation);
    case AdvantageMode::rloo:
    case AdvantageMode::opo: return difference * s.factor;
    case AdvantageMode::passk: {
      const V lead = select((x == s.high) & (s.count > V(1.0)), s.high - s.second, V(0.0));
      return a.scale ? scaled(a, lead, s.deviation) : lead;
    }
    default: return difference;
  }
}

// Statistics that every row of a group gets, whether its own reward is available or not.
template <class T> KT_HD bool is_statistic(const GroupAdvantagesArgs<T>& a) {
  return a.mode == AdvantageMode::mean || a.mode == AdvantageMode::sum || a.mode == AdvantageMode::range;
}
template <class T, class V> KT_HD V statistic(const GroupAdvantagesArgs<T>& a, const GroupStatistics<V>& s) {
  if (a.mode == AdvantageMode::sum) return s.sum;
  return select(s.count > V(0.0), a.mode == AdvantageMode::mean ? s.mean : s.high - s.low, V(quiet_nan<double>()));
}

// The whole of it: NaN where unavailable (0 or NaN at the end, as the caller says).
template <class T, class V> KT_HD V row_value(const GroupAdvantagesArgs<T>& a, const GroupStatistics<V>& s, V x) {
  if (is_statistic(a)) return statistic(a, s);
  V value = select(x == x, from_group(a, s, x), x);
  if (a.propagate) value = select(s.count == s.rows, value, V(quiet_nan<double>()));
  return value;
}

// In the caller's dtype, whose largest number stands for what is beyond it.
template <class T> KT_HD T rounded(double value) {
  const double most = double(limits<T>::largest);
  return T(value > most ? most : value < -most ? -most : value);
}

// NaN as the caller wants to see it.
template <class T> KT_HD double shown(const GroupAdvantagesArgs<T>& a, double value) {
  return value == value || a.propagate || is_statistic(a) ? value : 0.0;
}

KT_MATHS_END
