// dtw on one instruction set: blocks of costs for a group of lanes, from tiles that hold each pair's costs row by row.
//
// Tiles have the columns of the group's table: what a shorter pair lacks at its start is filled in. Between filled samples a
// step costs nothing, between one that is filled and one that is not everything; but nothing in the rows before a path with
// a free start.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_lane_finish.hpp"
#include "dtw_lane_square.hpp"

KT_MATHS_BEGIN

constexpr int64_t kTileBytes = 512 << 10;  // of all lanes: a part of the second cache

// Columns [0, width), at least C, of W rows that lie `stride` apart into out [column][lane].
template <class T, int W> KT_HD void transpose_rows(const T* row, int64_t stride, int64_t width, T* out) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  int64_t j = 0;
  if constexpr (kSquares<T, W>)
    for (; j + W <= width; j += W) {
      V r[W];
      load_square<T, W>(row, stride, j, r);
      unroll<W>([&](auto k) KT_INLINE { store(out + (j + k) * W, r[k]); });
    }
  const RowBlock<const T, W> rows{row, stride};
  for (; j < width; j += C) {
    V r[C];
    if (j + C > width) j = width - C;
    rows.load_columns(j, r);
    unroll<C>([&](auto k) KT_INLINE { store(out + (j + k) * W, r[k]); });
  }
}

// Source: put(lane, i, rows, j, columns, tile, pitch, bound) writes the costs of the pair's own rows i .. i + rows - 1 and columns
// j .. j + columns - 1. It may write up to 2 W elements after each row, and R - 1 rows more. It returns false when one of them
// is below `bound` or NaN.
template <class T, int W, class Source> struct LaneCosts {
  static constexpr int R = kBlockRows;
  using Rows = typename Source::Rows;
  const LaneGroup<T, W>* group;
  const GroupTable<T, W>* table;
  Source* source;
  T bound;
  int64_t height, pitch, lane_stride;  // of a tile; from one lane's to the next
  bool failed[W] = {};
  T *tiles, *block;  // block: [row][column][lane]

  KT_HD LaneCosts(const LaneGroup<T, W>& g, const GroupTable<T, W>& t, Arena& arena)
      : group(&g), table(&t), source(nullptr) {
    bound = g.args->free_start && !Source::kDifference ? T(0) : -limits<T>::largest;
    // The last stripes of a table may be one and a part more than together elsewhere.
    const int64_t most = (t.stripes_together + 1) * t.stripe, width = g.columns < most ? g.columns : most;
    pitch = width + 2 * W;
    height = kTileBytes / (W * pitch * int64_t(sizeof(T))) / R * R;
    height = height < R ? R : height > g.rows ? g.rows : height;
    // Neighbouring lanes must not fall into the same sets of the first cache.
    lane_stride = ((height + R) * pitch + 1023) / 1024 * 1024 + 64 / int64_t(sizeof(T));
    tiles = arena.take<T>(W * lane_stride);
    block = arena.take<T>(R * 2 * t.stripe * W);
  }

  // Whether a tile is a pair's whole table.
  KT_HD bool whole() const { return height >= group->rows && pitch >= group->columns + 2 * W; }

  KT_HD void fill_tile(int lane, int64_t i, int64_t rows, int64_t j, int64_t end) {
    T* tile = tiles + lane * lane_stride;
    const DtwPair& p = group->pair[lane];
    const bool wanted = lane < group->used && group->good[lane];
    const int64_t row_start = wanted ? group->rows - p.n : group->rows, column_start = group->columns - p.m;
    const int64_t filled_rows = row_start <= i ? 0 : row_start - i < rows ? row_start - i : rows;
    const int64_t filled = column_start <= j ? 0 : column_start < end ? column_start - j : end - j;
    const T beside = group->args->free_start ? T(0) : infinity<T>();
    if (filled_rows < rows && filled < end - j)
      if (!source->put(lane, i + filled_rows - row_start, rows - filled_rows, j + filled - column_start,
                       end - j - filled, tile + filled_rows * pitch + filled, pitch, bound))
        failed[lane] = true;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < filled; ++c) tile[r * pitch + c] = r < filled_rows ? T(0) : infinity<T>();
      if (r < filled_rows)
        for (int64_t c = filled; c < end - j; ++c) tile[r * pitch + c] = beside;
    }
  }

  // Costs of rows i .. i + R - 1, columns j .. end - 1, which are a stripe; the tiles have all those that are done together.
  __attribute__((noinline)) Rows rows(int64_t i, int64_t j, int64_t end) {
    const int64_t in_tile = i % height, stripe = j / table->stripe, last = table->last_together(stripe) - 1;
    const int64_t first_column = table->begin(stripe / table->stripes_together * table->stripes_together);
    if (in_tile == 0 && j == first_column) {
      const int64_t rows_here = group->rows - i < height ? group->rows - i : height, end_column = table->end(last);
      for (int l = 0; l < W; ++l) fill_tile(l, i, rows_here, j, end_column);
    }
    const int64_t width = end - j;
    for (int r = 0; r < R; ++r)
      transpose_rows<T, W>(tiles + (in_tile + r) * pitch + j - first_column, lane_stride, width, block + r * width * W);
    return {block, width * W};
  }
};

KT_MATHS_END
