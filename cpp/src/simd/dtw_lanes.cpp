// dtw on one instruction set, one pair per lane, the cells of a block of rows in registers.
#include "dtw_lanes.hpp"

#include "../thread_pool.hpp"
#include "dtw_lane_fused.hpp"
#include "dtw_lane_gather.hpp"
#include "dtw_lane_given.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Above this much memory a pair for the rows of a group it is left to the general kernel: long pairs with few beside them.
constexpr int64_t kPairBytes = int64_t(1) << 20;
// Columns worked on at a time: their samples and the row above them stay in the second cache.
constexpr int64_t kSeriesStripe = 512;
// A block of so many columns of costs stays in the first cache.
constexpr int64_t kBlockColumns = 32;

template <class T> constexpr bool kByPattern = sizeof(T) == 4 && KT_VECTOR_BYTES >= 32;

// Everything that a group needs in memory. Samples: of one coordinate, [sample][lane].
template <class T, int W> struct GroupSpace {
  GroupTable<T, W> table;
  T *x = nullptr, *y = nullptr, *starts;
  PathSpace paths;

  KT_HD GroupSpace(const LaneGroup<T, W>& g, int64_t stripe, int64_t together, bool samples, Arena& arena) {
    constexpr int C = kQuarter<T>;
    const DtwArgs<T>& a = *g.args;
    starts = arena.take<T>(2 * W);
    table = {g.rows, g.columns,  stripe,       together, arena.take<T>(g.columns * W), arena.take<T>(g.rows * W),
             starts, starts + W, a.free_start, nullptr};  // fmt: skip
    if (samples) {
      x = arena.take<T>((g.rows + C) * W) + C * W;
      y = arena.take<T>((g.columns + C) * W) + C * W;
    }
    if (!wants_path(a)) return;
    table.moves = arena.take<LaneBits<W>>(table.words() + 4);
    paths.steps = arena.take<int32_t>((g.rows + g.columns + 1) * 2 * W);
    if (a.rewards && !a.path) paths.cells = arena.take<int32_t>(2 * a.path_capacity);
  }
};

// The next group's samples, fetched a few sequences at a time while this group's table is computed.
template <class T, int W> struct SeriesAhead {
  static constexpr int64_t kLine = 64 / int64_t(sizeof(T));
  const LaneGroup<T, W>* group;
  int lane, at_once;

  explicit SeriesAhead(const LaneGroup<T, W>& g) : group(&g), lane(W) {
    const int64_t blocks = g.rows / kBlockRows;
    at_once = blocks < W ? int((W + blocks - 1) / blocks) : 1;
  }
  static KT_HD void fetch(const T* first, int64_t count, int64_t stride) {
    for (int64_t i = 0; i < count && i < kSeriesStripe; i += kLine) __builtin_prefetch(first + i * stride, 0, 2);
  }
  KT_HD void fetch_some() {
    const DtwArgs<T>& a = *group->args;
    for (const int end = lane + at_once; lane < end && lane < 2 * W; ++lane) {
      const DtwPair& p = group->pair[lane];
      fetch(a.x.data + p.x_at * a.x.stride[0], p.n, a.x.stride[1]);
      fetch(a.y.data + p.y_at * a.y.stride[0], p.m, a.y.stride[1]);
    }
  }
};

template <bool kMoves, bool kSquared, class T, int W>
__attribute__((noinline)) void run_series(const GroupTable<T, W>& g, const T* x, const T* y, SeriesAhead<T, W> ahead) {
  run_table<kByPattern<T>, kMoves>(g, [&](int64_t i, int64_t j, int64_t) KT_INLINE {
    ahead.fetch_some();
    return Differences<Pack<T, W>, kBlockRows, kSquared, false>(x + i * W, y + j * W);
  });
}

template <class T, int W> void series_group(LaneGroup<T, W>& group, Arena& arena, GroupSpace<T, W>& space) {
  const DtwArgs<T>& a = *group.args;
  const bool squared = a.metric == Metric::sqeuclidean;
  const T fill = filling<T>(squared);
  LaneSeries<T> x[W], y[W];
  for (int l = 0; l < W; ++l) {
    const DtwPair& p = group.pair[l];
    x[l] = {a.x.data + p.x_at * a.x.stride[0], p.n, a.x.stride[1]};
    y[l] = {a.y.data + p.y_at * a.y.stride[0], p.m, a.y.stride[1]};
  }
  const auto largest = max_pattern(gather_lanes<T, W>(x, group.rows, fill, space.x, space.starts),
                                   gather_lanes<T, W>(y, group.columns, fill, space.y, space.starts + W));
  for (int l = 0; l < W; ++l) group.good[l] = group.good[l] && largest[l] <= kLargestSample<T>;
  (void)arena;
  const SeriesAhead<T, W> ahead(group);
  if (wants_path(a))
    squared ? run_series<true, true>(space.table, space.x, space.y, ahead)
            : run_series<true, false>(space.table, space.x, space.y, ahead);
  else
    squared ? run_series<false, true>(space.table, space.x, space.y, ahead)
            : run_series<false, false>(space.table, space.x, space.y, ahead);
}

// Any source of costs, so that the recurrence is compiled once for all.
template <class Rows> struct AnyCosts {
  void* costs;
  Rows (*rows)(void*, int64_t, int64_t, int64_t);
};
template <class Rows, class T, int W>
__attribute__((noinline)) void run_costs(const GroupTable<T, W>& g, AnyCosts<Rows> any, bool paths) {
  const auto costs = [&](int64_t i, int64_t j, int64_t end) KT_INLINE { return any.rows(any.costs, i, j, end); };
  paths ? run_table<false, true>(g, costs) : run_table<false, false>(g, costs);
}

template <class Costs, class T, int W>
void cost_group(LaneGroup<T, W>& group, Costs& costs, GroupSpace<T, W>& space) {
  using Rows = typename Costs::Rows;
  for (int l = 0; l < W; ++l)
    space.starts[l] = T(group.rows - group.pair[l].n), space.starts[W + l] = T(group.columns - group.pair[l].m);
  const AnyCosts<Rows> any{
      &costs, [](void* c, int64_t i, int64_t j, int64_t end) { return static_cast<Costs*>(c)->rows(i, j, end); }};
  run_costs(space.table, any, wants_path(*group.args));
  for (int l = 0; l < W; ++l) group.good[l] = group.good[l] && !costs.failed[l];
}

// Runs work(arena) twice: to count, and with that much memory unless it is too much. Returns whether it did.
template <class Work> bool with_memory(int64_t limit, Work&& work) {
  Arena counted{nullptr};
  work(counted, false);
  if (counted.used > limit) return false;
  Arena arena{static_cast<char*>(thread_scratch(std::size_t(counted.used)))};
  work(arena, true);
  return true;
}

// Choices are counted in 32 bits.
template <class T> int64_t memory_limit(const DtwArgs<T>& a, int pairs) {
  const int64_t choices = wants_path(a) ? a.direction_bytes : 0, most = int64_t(1) << 30;
  return pairs * kPairBytes + (choices < most ? choices : most);
}

template <class Source, class T, int W> int64_t run_source(LaneGroup<T, W>& group, int64_t* rest) {
  int64_t left = group.used;
  for (int l = 0; l < group.used; ++l) rest[l] = group.pair[l].at;
  with_memory(memory_limit(*group.args, group.used), [&](Arena& arena, bool run) KT_INLINE {
    GroupSpace<T, W> space(group, kBlockColumns, Source::kTileColumns / kBlockColumns, false, arena);
    LaneCosts<T, W, Source> costs(group, space.table, arena);
    Source source(group, costs.whole(), arena);
    costs.source = &source;
    if (!run) return;
    cost_group(group, costs, space);
    left = finish_group(group, space.table, space.paths, rest);
  });
  return left;
}

template <class T, int W> int64_t run_given(LaneGroup<T, W>& group, int64_t* rest) {
  int64_t left = group.used;
  for (int l = 0; l < group.used; ++l) rest[l] = group.pair[l].at;
  with_memory(memory_limit(*group.args, group.used), [&](Arena& arena, bool run) KT_INLINE {
    GroupSpace<T, W> space(group, GivenCosts<T, W>::kStripe, 1, false, arena);
    GivenCosts<T, W> costs(group, space.table, arena);
    if (!run) return;
    cost_group(group, costs, space);
    left = finish_group(group, space.table, space.paths, rest);
  });
  return left;
}

template <class T, int W> int64_t run_series(LaneGroup<T, W>& group, int64_t* rest) {
  int64_t left = group.used;
  for (int l = 0; l < group.used; ++l) rest[l] = group.pair[l].at;
  with_memory(memory_limit(*group.args, group.used), [&](Arena& arena, bool run) KT_INLINE {
    GroupSpace<T, W> space(group, kSeriesStripe, 1, true, arena);
    if (!run) return;
    series_group(group, arena, space);
    left = finish_group(group, space.table, space.paths, rest);
  });
  return left;
}

template <class T, int W> int64_t run_group(LaneGroup<T, W>& group, int64_t* rest) {
  const DtwArgs<T>& a = *group.args;
  switch (a.metric) {
    case Metric::given: return run_given(group, rest);
    case Metric::euclidean: return run_source<FusedCosts<Metric::euclidean, false, T, W>>(group, rest);
    case Metric::cosine: return run_source<FusedCosts<Metric::cosine, false, T, W>>(group, rest);
    case Metric::dot: return run_source<FusedCosts<Metric::dot, false, T, W>>(group, rest);
    case Metric::l1:
      if (a.dims == 1 && !a.free_start) return run_series(group, rest);
      return run_source<FusedCosts<Metric::l1, false, T, W>>(group, rest);
    default:
      if (a.dims == 1 && !a.free_start) return run_series(group, rest);
      if (a.dims == 1) return run_source<FusedCosts<Metric::sqeuclidean, true, T, W>>(group, rest);
      return run_source<FusedCosts<Metric::sqeuclidean, false, T, W>>(group, rest);
  }
}

template <class T>
int64_t run(const DtwArgs<T>& a, const int64_t* pairs, int64_t count, int64_t few, int64_t most_rows, int64_t* rest) {
  constexpr int W = lanes<NativePack<T>>::width;
  int64_t left = 0;
  for (int64_t k = 0; k < count; k += W) {
    LaneGroup<T, W> group(a, pairs + k, count - k);
    if (group.used <= few && 2 * group.used <= W && group.rows > most_rows)
      for (int l = 0; l < group.used; ++l) rest[left++] = pairs[k + l];
    else left += run_group(group, rest + left);
  }
  return left;
}

}  // namespace

int64_t dtw_lanes(const DtwArgs<float>& a, const int64_t* pairs, int64_t count, int64_t few_pairs, int64_t most_rows,
                  int64_t* rest) {
  return run(a, pairs, count, few_pairs, most_rows, rest);
}
int64_t dtw_lanes(const DtwArgs<double>& a, const int64_t* pairs, int64_t count, int64_t few_pairs, int64_t most_rows,
                  int64_t* rest) {
  return run(a, pairs, count, few_pairs, most_rows, rest);
}

}  // namespace KT_ABI
}  // namespace kinetrace
