// dtw on one instruction set, one pair per lane: zipped pairs of one coordinate.
#include "dtw_lanes.hpp"

#include <kinetrace/alignment/window.hpp>

#include "dtw_finish.hpp"
#include "dtw_gather.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

template <class T> constexpr bool kByPattern = sizeof(T) == 4 && KT_VECTOR_BYTES >= 32;
constexpr int64_t kStripe = 512;

template <bool kMoves, bool kSquared, class T, int W>
__attribute__((noinline)) void run_series(const GroupTable<T, W>& g, const T* x, const T* y) {
  run_table<kByPattern<T>, kMoves>(g, [&](int64_t i, int64_t j, int64_t) KT_INLINE {
    return Differences<Pack<T, W>, kBlockRows, kSquared, false>(x + i * W, y + j * W);
  });
}

template <class T> void run_pairs(const DtwArgs<T>& a, const int64_t* order, int64_t begin, int64_t end, void* memory,
                                  uint8_t* left_over) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, R = kBlockRows;
  const bool squared = a.metric == Metric::sqeuclidean;
  const T fill = filling<T>(squared);
  for (int64_t k = begin; k < end; k += W) {
    Group<T, W> group;
    group.used = int(end - k < W ? end - k : W);
    LaneSeries<T> x[W], y[W];
    int64_t rows = 1, columns = 1;
    for (int l = 0; l < W; ++l) {
      const int64_t p = order[k + (l < group.used ? l : group.used - 1)];
      group.pair[l] = p;
      x[l] = {a.x.data + p * a.x.stride[0], length_of(a.x_lengths, p), a.x.stride[1]};
      y[l] = {a.y.data + p * a.y.stride[0], length_of(a.y_lengths, p), a.y.stride[1]};
      rows = x[l].count > rows ? x[l].count : rows;
      columns = y[l].count > columns ? y[l].count : columns;
    }
    rows = (rows + R - 1) / R * R;
    columns = columns < R ? R : columns;
    alignas(64) T row_start[W], column_start[W];
    Arena arena(memory);
    T* xs = arena.take<T>((rows + 4) * W) + 4 * W;
    T* ys = arena.take<T>((columns + 4) * W) + 4 * W;
    const V largest = max_pattern(gather_lanes<T, W>(x, rows, fill, xs, row_start),
                                  gather_lanes<T, W>(y, columns, fill, ys, column_start));
    GroupTable<T, W> g{rows, columns, kStripe, nullptr, nullptr, row_start, column_start, false, nullptr};
    g.top = arena.take<T>(columns * W);
    g.left = arena.take<T>(rows * W);
    if (a.path) {
      g.moves = arena.take<LaneBits<W>>(g.words());
      squared ? run_series<true, true>(g, xs, ys) : run_series<true, false>(g, xs, ys);
    } else {
      squared ? run_series<false, true>(g, xs, ys) : run_series<false, false>(g, xs, ys);
    }
    for (int l = 0; l < group.used; ++l) {
      group.n[l] = x[l].count, group.m[l] = y[l].count;
      group.good[l] = x[l].count > 0 && y[l].count > 0 && largest[l] <= kLargestSample<T>;
    }
    finish_group(a, group, g, left_over + k);
  }
}

}  // namespace

void dtw_pairs(const DtwArgs<float>& a, const int64_t* order, int64_t begin, int64_t end, void* scratch,
               uint8_t* left_over) {
  run_pairs(a, order, begin, end, scratch, left_over);
}
void dtw_pairs(const DtwArgs<double>& a, const int64_t* order, int64_t begin, int64_t end, void* scratch,
               uint8_t* left_over) {
  run_pairs(a, order, begin, end, scratch, left_over);
}

}  // namespace KT_ABI
}  // namespace kinetrace
