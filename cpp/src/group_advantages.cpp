// group_advantages on the CPU: rows sorted by group, groups over threads, then the batch's own step.
#include <kinetrace/backends.hpp>
#include <kinetrace/group_advantages/batch.hpp>

#include "group_index.hpp"
#include "simd/group_advantages.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

template <class T> BatchStatistics batch_statistics(const GroupAdvantagesArgs<T>& a) {
  BatchStatistics s;
  s.rows = double(a.rows), s.low = infinity<double>(), s.high = -infinity<double>();
  for (int64_t i = 0; i < a.rows; ++i) {
    const double x = batch_term(a, i), length = is_whitening(a) ? length_at(a, i) : 0;
    if (!(x == x)) continue;
    s.count += 1, s.nonzero += x != 0;
    s.low = min(s.low, x), s.high = max(s.high, x);
    s.tokens += length, s.longest = max(s.longest, length);
  }
  if (a.mode != AdvantageMode::gpg) {
    ExactSum<double> total(first_bound(a, s), s.count);
    for (int64_t i = 0; i < a.rows; ++i) {
      const double x = batch_term(a, i);
      if (x == x) total.add(first_term(a, x, is_whitening(a) ? length_at(a, i) : 0));
    }
    s.mean = batch_mean(a, s, total.total());
  }
  ExactSum<double> squares(second_bound(a, s), s.count);
  for (int64_t i = 0; i < a.rows && a.mode != AdvantageMode::gpg; ++i) {
    const double x = batch_term(a, i);
    if (x == x) squares.add(second_term(a, s, x, is_whitening(a) ? length_at(a, i) : 0));
  }
  s.divisor = batch_divisor(a, s, squares.total());
  return s;
}

template <class T> Outcome run(const GroupAdvantagesArgs<T>& a, const Launch& launch) {
  if (!a.rows) return {};
  const SortedGroups groups = a.groups32.data ? sort_by_group(a.groups32, a.rows) : sort_by_group(a.groups64, a.rows);
  const GroupIndex index{groups.order.empty() ? nullptr : groups.order.data(), groups.start.data()};
  const int64_t per_group = 1 + a.rows / groups.count();
  const int64_t grain = 8 * (1 + 16384 / (8 * per_group * a.columns));
  parallel_for(groups.count(), grain, launch.num_threads,
               [&](int64_t first, int64_t last) { KT_SIMD_CALL(group_advantages, a, index, first, last); });
  if (!ends_with_batch(a)) return {};
  const BatchStatistics s = batch_statistics(a);
  for (int64_t i = 0; i < a.rows; ++i) a.value[i] = rounded<T>(batch_value(a, s, i));
  return {};
}

}  // namespace

int64_t group_advantages_workspace(const GroupAdvantagesArgs<float>&) { return 0; }
int64_t group_advantages_workspace(const GroupAdvantagesArgs<double>&) { return 0; }
Outcome group_advantages(const GroupAdvantagesArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome group_advantages(const GroupAdvantagesArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
