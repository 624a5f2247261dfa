// dtw on one instruction set: blocks of costs for a group of lanes, from tiles that hold each pair's costs row by row.
//
// Tiles have the columns of the group's table: what a shorter pair lacks at its start is filled in. Between filled samples a
// step costs nothing, between one that is filled and one that is not everything; but nothing in the rows before a path with
// a free start.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_lane_finish.hpp"

KT_MATHS_BEGIN

constexpr int64_t kTileBytes = 256 << 10;  // of all lanes: a part of the second cache

// Columns [0, width), at least C, of W rows that lie `stride` apart into out [column][lane]. kCheck: `good` keeps the lanes whose
// costs are all `bound` or more, none of them NaN.
template <bool kCheck, class T, int W> KT_HD void transpose_rows(const T* row, int64_t stride, int64_t width, T bound,
                                                                 T* out, LaneBits<W>& good) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  const RowBlock<const T, W> rows{row, stride};
  V r[C];
  for (int64_t j = 0; j < width; j += C) {
    if (j + C > width) j = width - C;
    rows.load_columns(j, r);
    unroll<C>([&](auto k) KT_INLINE {
      if constexpr (kCheck) good &= lanes_not_above(V(bound), r[k]);
      store(out + (j + k) * W, r[k]);
    });
  }
}

// Source: put(lane, i, rows, j, columns, tile, pitch) writes the costs of the pair's own rows i .. i + rows - 1 and columns j ..
// j + columns - 1. It may write up to 2 W elements after each row, and R - 1 rows more.
template <class T, int W, class Source> struct LaneCosts {
  static constexpr int R = kBlockRows;
  const LaneGroup<T, W>* group;
  Source* source;
  T bound;
  int64_t height, pitch, lane_stride;  // of a tile; from one lane's to the next
  T *tiles, *block;                    // block: [row][column][lane]
  LaneBits<W> good = LaneBits<W>(~0u);

  KT_HD LaneCosts(const LaneGroup<T, W>& g, int64_t stripe, Arena& arena) : group(&g), source(nullptr) {
    bound = g.args->free_start && !Source::kDifference ? T(0) : -limits<T>::largest;
    const int64_t width = g.columns < 2 * stripe ? g.columns : 2 * stripe;
    pitch = width + 2 * W;
    height = kTileBytes / (W * pitch * int64_t(sizeof(T))) / R * R;
    height = height < R ? R : height > g.rows ? g.rows : height;
    // Neighbouring lanes must not fall into the same sets of the first cache.
    lane_stride = ((height + R) * pitch + 1023) / 1024 * 1024 + 64 / int64_t(sizeof(T));
    tiles = arena.take<T>(W * lane_stride);
    block = arena.take<T>(R * (width + W) * W);
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
      source->put(lane, i + filled_rows - row_start, rows - filled_rows, j + filled - column_start, end - j - filled,
                  tile + filled_rows * pitch + filled, pitch);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < filled; ++c) tile[r * pitch + c] = r < filled_rows ? T(0) : infinity<T>();
      if (r < filled_rows)
        for (int64_t c = filled; c < end - j; ++c) tile[r * pitch + c] = beside;
    }
  }

  // Costs of rows i .. i + R - 1, columns j .. end - 1, lane by lane.
  __attribute__((noinline)) typename Source::Rows rows(int64_t i, int64_t j, int64_t end) {
    const int64_t in_tile = i % height;
    if (in_tile == 0)
      for (int l = 0; l < W; ++l) fill_tile(l, i, group->rows - i < height ? group->rows - i : height, j, end);
    const int64_t width = end - j, block_pitch = (width + W) * W;
    for (int r = 0; r < R; ++r)
      transpose_rows<Source::kCheck, T, W>(tiles + (in_tile + r) * pitch, lane_stride, width, bound,
                                           block + r * block_pitch, good);
    return {block, block_pitch};
  }
};

// The caller's matrices.
template <class T, int W> struct GivenCosts {
  using Rows = CostRows<Pack<T, W>, kBlockRows>;
  static constexpr bool kDifference = false, kCheck = true;
  static constexpr int64_t kStripe = 256, kAheadBytes = 6144;
  const LaneGroup<T, W>* group;
  KT_HD GivenCosts(const LaneGroup<T, W>& g, bool, Arena&) : group(&g) {}
  KT_HD void finish(LaneGroup<T, W>&) const {}
  KT_HD const T* row(int lane, int64_t i) const {
    const auto& cost = group->args->cost;
    return cost.data + group->pair[lane].at * cost.stride[0] + i * cost.stride[1];
  }
  KT_HD void put(int lane, int64_t i, int64_t rows, int64_t j, int64_t columns, T* tile, int64_t pitch) const {
    using V = Pack<T, W>;
    // Fetched while rows of this pair are copied: rows further down, then those of the next lane's pair. The hardware does
    // not foresee the jump.
    const int64_t ahead = kAheadBytes / (columns * int64_t(sizeof(T))) + 1;
    for (int64_t r = 0; r < rows; ++r, tile += pitch) {
      const T *from = row(lane, i + r) + j, *next = from;
      if (r + ahead < rows) next = row(lane, i + r + ahead) + j;
      else if (const int64_t below = i + r + ahead - rows; below < group->pair[lane + 1].n) next = row(lane + 1, below) + j;
      int64_t c = 0;
      for (; c + W <= columns; c += W) {
        __builtin_prefetch(next + c, 0, 2);
        store(tile + c, load<V>(from + c));
      }
      for (; c < columns; ++c) tile[c] = from[c];
    }
  }
};

KT_MATHS_END
