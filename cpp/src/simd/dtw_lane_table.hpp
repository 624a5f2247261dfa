// dtw on one instruction set: W pairs, one per lane, from packed samples to accumulated costs and choices.
#pragma once
#include "dtw_lane_tile.hpp"

KT_MATHS_BEGIN

// The table of a group. Every pair ends in the last row and column: `start` says where it begins. `rows` is a multiple of
// kBlockRows. A block of rows is worked on in stripes of `stripe` >= kBlockRows columns, the last one up to twice as wide;
// `stripes_together` of them are done before the next rows.
template <class T, int W> struct GroupTable {
  static constexpr int R = kBlockRows;
  int64_t rows, columns, stripe, stripes_together;
  T* top;                 // [column][lane]: in the end the last row
  T* left;                // [row][lane]
  const T* row_start;     // [lane]
  const T* column_start;  // [lane]
  bool free_start;        // a path may start in any column; costs of filled rows are 0 then
  LaneBits<W>* moves;     // where paths are wanted

  KT_HD int64_t stripes() const { return columns < 2 * stripe ? 1 : columns / stripe; }
  KT_HD int64_t begin(int64_t s) const { return s * stripe; }
  KT_HD int64_t end(int64_t s) const { return s + 1 == stripes() ? columns : (s + 1) * stripe; }
  // One past the last stripe of those that are done together with stripe s.
  KT_HD int64_t last_together(int64_t s) const {
    const int64_t last = (s / stripes_together + 1) * stripes_together;
    return last < stripes() ? last : stripes();
  }
  // Words of one block of rows: every stripe has R - 1 steps more than columns.
  KT_HD int64_t block_words() const { return (columns + stripes() * (R - 1)) * R * 2; }
  KT_HD int64_t words() const { return rows / R * block_words(); }
  KT_HD Moves<W, R> moves_of(int64_t i, int64_t s) const {
    return {moves + i / R * block_words() + (begin(s) + s * (R - 1)) * R * 2};
  }
};

template <class T, int W> KT_HD void start_table(const GroupTable<T, W>& g) {
  using V = Pack<T, W>;
  const V zero(T(0)), far(infinity<T>()), row_start = load<V>(g.row_start), column_start = load<V>(g.column_start);
  for (int64_t i = 0; i < g.rows; ++i) store(g.left + i * W, select(V(T(i)) < row_start, zero, far));
  for (int64_t j = 0; j < g.columns; ++j)
    store(g.top + j * W, g.free_start ? zero : select(V(T(j)) < column_start, zero, far));
}

// cost(i, j, j_end): the costs of the R rows from i on, columns j to j_end - 1.
template <bool kPatterns, bool kMoves, class T, int W, class MakeCost>
KT_HD void run_table(const GroupTable<T, W>& g, MakeCost&& cost) {
  using V = Pack<T, W>;
  constexpr int R = kBlockRows;
  start_table(g);
  V corner(T(0));
  for (int64_t first = 0; first < g.stripes(); first = g.last_together(first)) {
    const int64_t last = g.last_together(first);
    const V next_corner = load<V>(g.top + (g.end(last - 1) - 1) * W);
    for (int64_t i = 0; i < g.rows; i += R) {
      const V next_row = load<V>(g.left + (i + R - 1) * W);
      for (int64_t s = first; s < last; ++s) {
        const int64_t j = g.begin(s), end = g.end(s);
        const V next_stripe = load<V>(g.top + (end - 1) * W);
        const auto costs = cost(i, j, end);
        if constexpr (kMoves)
          dtw_block<kPatterns, R, V>(costs, g.top + j * W, g.left + i * W, corner, end - j, g.moves_of(i, s));
        else
          dtw_block<kPatterns, R, V>(costs, g.top + j * W, g.left + i * W, corner, end - j, NoMoves{});
        corner = next_stripe;
      }
      corner = next_row;
    }
    corner = next_corner;
  }
}

KT_MATHS_END
