// dtw on one instruction set: costs that lie row by row, one matrix per pair, into rows of lanes.
#pragma once
#include "dtw_lane_gather.hpp"
#include "dtw_lane_tile.hpp"

KT_MATHS_BEGIN

// Lanes in which `bound` <= x; false for NaN.
template <class T, int W> KT_HD LaneBits<W> lanes_from(T bound, Pack<T, W> x) { return lanes_not_above(Pack<T, W>(bound), x); }

// Row r of a block of W cost matrices, all of which end in the same column.
template <class T, int W> struct LaneRows {
  const T* row[W];  // of the cost in padded column 0, if there were one; nullptr: a filled row
  int64_t start[W];  // padded column where the lane's costs begin
  int64_t all_real;  // from this column on every lane has costs (one past the last when a lane has none)
};

// Cost of a filled cell: nothing between filled samples, and everything between one that is and one that is not; but
// nothing either in the rows before a path with a free start.
template <class T> KT_HD T filled_cost(bool row_filled, bool column_filled, bool free_start) {
  return row_filled && (column_filled || free_start) ? T(0) : infinity<T>();
}

// Columns [begin, end) of a row of costs into out [column - begin][lane]; end - begin >= C. `ahead`: elements to the costs that
// are needed next. Returns the lanes in which every cost is `bound` or more.
template <class T, int W> KT_HD LaneBits<W> transpose_costs(const LaneRows<T, W>& rows, int64_t begin, int64_t end,
                                                            bool free_start, T bound, int64_t ahead, T* out) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>, kLine = 64 / int(sizeof(T));
  LaneBits<W> good = LaneBits<W>(~0u);
  V r[C];
  int64_t at = end;
  const auto finish = [&](int64_t from) KT_INLINE {
    transpose_quarters<T, W>(r);
    unroll<C>([&](auto k) KT_INLINE {
      good &= lanes_from<T, W>(bound, r[k]);
      store(out + (from - begin + k) * W, r[k]);
    });
  };
  const int64_t real = rows.all_real > begin ? rows.all_real : begin;
  while (at > real && at - C >= rows.all_real && at > begin) {
    const int64_t from = at - C > begin ? at - C : begin;
    if (ahead && (end - at) % kLine == 0)
      for (int l = 0; l < W; ++l) __builtin_prefetch(rows.row[l] + at + ahead - 1, 0, 2);
    unroll<C>([&](auto k) KT_INLINE { r[k] = join_quarters<T, W>(rows.row, k, from); });
    finish(from);
    at = from;
  }
  while (at > begin) {
    const int64_t from = at - C > begin ? at - C : begin;
    T copies[W][C];
    const T* p[W];
    for (int l = 0; l < W; ++l) {
      for (int c = 0; c < C; ++c)
        copies[l][c] = rows.row[l] && from + c >= rows.start[l]
                           ? rows.row[l][from + c]
                           : filled_cost<T>(!rows.row[l], from + c < rows.start[l], free_start);
      p[l] = copies[l];
    }
    unroll<C>([&](auto k) KT_INLINE { r[k] = join_quarters<T, W>(p, k, 0); });
    finish(from);
    at = from;
  }
  return good;
}

KT_MATHS_END
