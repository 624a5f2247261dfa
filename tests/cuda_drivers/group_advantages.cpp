// group_advantages under the emulator (or a GPU) against the maths of its headers, one group after the other: every bit.
#include "driver.hpp"

#include "group_advantages.cu"

namespace {

using kinetrace::AdvantageMode;
using kinetrace::BatchStatistics;
using kinetrace::ExactSum;
using kinetrace::Extremes;
using kinetrace::GroupAdvantagesArgs;
using kinetrace::GroupStatistics;

struct Case {
  AdvantageMode mode;
  int64_t rows, columns;
  unsigned groups;  // ids are drawn from so many
  bool wide_ids, lengths, apart, propagate;
};

using Rows = std::vector<int64_t>;

std::vector<Rows> rows_by_group(const std::vector<int64_t>& ids) {
  std::vector<Rows> groups;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::size_t g = 0;
    while (g < groups.size() && ids[std::size_t(groups[g][0])] != ids[i]) ++g;
    if (g == groups.size()) groups.emplace_back();
    groups[g].push_back(int64_t(i));
  }
  return groups;
}

template <class T>
GroupStatistics<double> statistics(const GroupAdvantagesArgs<T>& a, const Rows& rows, int64_t column) {
  const bool weighted = a.mode == AdvantageMode::opo;
  Extremes<double> e;
  double second = -kinetrace::infinity<double>();
  int64_t at_top = 0;
  for (const int64_t i : rows) {
    const double x = kinetrace::row_reward(a, i, column);
    e.add(x, x == x);
    if (!(x == x)) continue;
    e.tokens += kinetrace::length_at(a, i);
    e.longest = kinetrace::max(e.longest, kinetrace::length_at(a, i));
  }
  ExactSum<double> sum(weighted ? e.bound() * e.longest : e.bound(), e.count);
  for (const int64_t i : rows) {
    const double x = kinetrace::row_reward(a, i, column);
    if (!(x == x)) continue;
    sum.add(weighted ? x * kinetrace::length_at(a, i) : x);
    if (x == e.high) ++at_top;
    else second = kinetrace::max(second, x);
  }
  GroupStatistics<double> s;
  s.rows = double(rows.size());
  set_mean(a, e, sum.total(), s);
  if (needs_squares(a)) {
    ExactSum<double> squares(e.square_bound(), e.count);
    for (const int64_t i : rows) {
      const double x = kinetrace::row_reward(a, i, column), d = x - s.mean;
      if (x == x) squares.add(d * d);
    }
    set_deviation(a, squares.total(), s);
  }
  s.second = a.mode != AdvantageMode::passk ? s.second : at_top > 1 ? s.high : second;
  return s;
}

template <class T> BatchStatistics batch_statistics(const GroupAdvantagesArgs<T>& a) {
  BatchStatistics s;
  s.rows = double(a.rows), s.low = kinetrace::infinity<double>(), s.high = -s.low;
  for (int64_t i = 0; i < a.rows; ++i) {
    const double x = batch_term(a, i);
    if (!(x == x)) continue;
    s.count += 1, s.nonzero += x != 0;
    s.low = kinetrace::min(s.low, x), s.high = kinetrace::max(s.high, x);
    s.tokens += kinetrace::length_at(a, i), s.longest = kinetrace::max(s.longest, kinetrace::length_at(a, i));
  }
  if (a.mode != AdvantageMode::gpg) {
    ExactSum<double> first(first_bound(a, s), s.count);
    for (int64_t i = 0; i < a.rows; ++i)
      if (const double x = batch_term(a, i); x == x) first.add(first_term(a, x, kinetrace::length_at(a, i)));
    s.mean = batch_mean(a, s, first.total());
  }
  ExactSum<double> second(second_bound(a, s), s.count);
  for (int64_t i = 0; i < a.rows; ++i)
    if (const double x = batch_term(a, i); x == x) second.add(second_term(a, s, x, kinetrace::length_at(a, i)));
  s.divisor = batch_divisor(a, s, second.total());
  return s;
}

template <class T> void expect(GroupAdvantagesArgs<T> a, const std::vector<int64_t>& ids, std::vector<T>& value) {
  const int64_t columns = columns_apart(a) ? a.columns : 1;
  std::vector<double> stage(std::size_t(2 * a.rows), 0.0);
  a.stage = stage.data();
  for (const Rows& rows : rows_by_group(ids))
    for (int64_t k = 0; k < columns; ++k) {
      const GroupStatistics<double> s = statistics(a, rows, k);
      for (const int64_t i : rows) {
        const double v = row_value(a, s, kinetrace::row_reward(a, i, k));
        if (a.mode == AdvantageMode::gdpo) {
          double& sum = stage[std::size_t(i)];
          if (v == v || a.propagate) sum = kinetrace::fma(a.weights[k], v, sum);
          if (k == columns - 1 && !is_scorable(a, i)) sum = kinetrace::quiet_nan<double>();
        } else if (ends_with_batch(a)) {
          stage[std::size_t(i)] = v, stage[std::size_t(a.rows + i)] = combined_reward(a, i);
        } else {
          value[std::size_t(i * columns + k)] = kinetrace::rounded<T>(shown(a, v));
        }
      }
    }
  if (!ends_with_batch(a)) return;
  const BatchStatistics s = batch_statistics(a);
  for (int64_t i = 0; i < a.rows; ++i) value[std::size_t(i)] = kinetrace::rounded<T>(batch_value(a, s, i));
}

template <class T> int run(const Case& c, kinetrace::driver::Random& random, kinetrace::driver::Check& check) {
  using namespace kinetrace;
  const std::size_t rows = std::size_t(c.rows);
  std::vector<T> rewards(rows * std::size_t(c.columns));
  for (T& r : rewards) {  // few levels, so that there are ties; some are unavailable
    r = T(random.below(5)) / T(4) + (random.below(3) ? T(0) : T(random.uniform(-1, 1)));
    if (random.below(9) == 0) r = quiet_nan<T>();
  }
  std::vector<int64_t> ids(rows);
  std::vector<int32_t> narrow(rows), lengths(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    ids[i] = int64_t(random.below(c.groups)) * (c.wide_ids ? 0x123456789 : -3);
    narrow[i] = int32_t(ids[i]), lengths[i] = int32_t(random.below(40));
  }
  const bool apart = c.apart || c.mode == AdvantageMode::gdpo;
  driver::DeviceArray<T> on_device(rewards), value(rows * std::size_t(c.apart ? c.columns : 1));
  driver::DeviceArray<int64_t> wide_ids(ids);
  driver::DeviceArray<int32_t> narrow_ids(narrow), tokens(lengths);
  driver::DeviceArray<double> stage(2 * rows);
  const auto fill = [&](GroupAdvantagesArgs<T>& a, const T* data, const int64_t* wide, const int32_t* id,
                        const int32_t* length) {
    a.rows = c.rows, a.columns = c.columns, a.mode = c.mode, a.apart = c.apart, a.propagate = c.propagate;
    a.eps = 1e-4, a.f_norm = 2;
    a.rewards = {data, {c.rows, c.columns}, {c.columns, 1}};
    if (c.wide_ids) a.groups64 = {wide, {c.rows}, {1}};
    else a.groups32 = {id, {c.rows}, {1}};
    if (c.lengths) a.lengths32 = {length, {c.rows}, {1}};
    for (int64_t k = 0; k < c.columns; ++k) a.weights[k] = 1.0 / double(k + 1);
  };
  GroupAdvantagesArgs<T> there, here;
  fill(there, on_device.data(), wide_ids.data(), narrow_ids.data(), tokens.data());
  fill(here, rewards.data(), ids.data(), narrow.data(), lengths.data());
  there.value = value.data(), there.stage = stage.data();
  driver::DeviceArray<int64_t> workspace(std::size_t(KT_BACKEND::group_advantages_workspace(there)));
  there.workspace = workspace.data();
  const Outcome outcome = KT_BACKEND::group_advantages(there, Launch{});
  if (outcome.code) {
    std::fprintf(stderr, "%s\n", outcome.message);
    return 2;
  }
  std::vector<T> want(value.size());
  expect(here, ids, want);
  const std::string name = "mode " + std::to_string(int(c.mode)) + (apart ? ", columns apart" : "");
  check.close(name, value.host(), want, 0, 0);
  return 0;
}

}  // namespace

int main() {
  kinetrace::driver::Random random(11);
  kinetrace::driver::Check check;
  using M = AdvantageMode;
  const Case cases[] = {{M::grpo, 300, 1, 40, false, false, false, false},
                        {M::grpo, 17, 3, 5, true, false, true, false},
                        {M::dr_grpo, 65, 2, 9, true, false, false, true},
                        {M::batch_std, 520, 1, 50, false, false, false, false},
                        {M::rloo, 33, 1, 4, false, false, false, false},
                        {M::gdpo, 270, 3, 30, true, false, false, false},
                        {M::passk, 90, 1, 10, false, false, false, false},
                        {M::opo, 70, 1, 8, false, true, false, false},
                        {M::reinforce_pp_baseline, 300, 2, 32, true, true, false, false},
                        {M::gpg, 40, 1, 5, false, false, false, false},
                        {M::range, 20, 1, 3, false, false, false, false},
                        {M::grpo, 1, 1, 1, false, false, false, false}};
  for (const Case& c : cases) {
    if (const int code = run<float>(c, random, check)) return code;
    if (const int code = run<double>(c, random, check)) return code;
  }
  return check.finish();
}
