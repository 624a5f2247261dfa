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

// A block of so many columns stays in the first cache.
constexpr int64_t kBlockColumns = 32;
constexpr int64_t kTileBytes = 512 << 10;  // of all lanes: a part of the second cache

// Columns [0, width), at least C, of W rows that lie `stride` apart into out [column][lane]. meanwhile() is called for every W
// columns.
template <class T, int W, class Work>
KT_HD void transpose_rows(const T* row, int64_t stride, int64_t width, T* out, Work&& meanwhile) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  int64_t j = 0;
  if constexpr (kSquares<T, W>)
    for (; j + W <= width; j += W) {
      V r[W];
      load_square<T, W>(row, stride, j, r);
      meanwhile();
      unroll<W>([&](auto k) KT_INLINE { store(out + (j + k) * W, r[k]); });
    }
  const RowBlock<const T, W> rows{row, stride};
  for (; j < width; j += C) {
    V r[C];
    if (j + C > width) j = width - C;
    if (j % W == 0) meanwhile();
    rows.load_columns(j, r);
    unroll<C>([&](auto k) KT_INLINE { store(out + (j + k) * W, r[k]); });
  }
}

// Source: put(lane, i, rows, j, columns, tile, pitch, bound) writes the costs of the pair's own rows i .. i + rows - 1 and columns
// j .. j + columns - 1. It may write up to 2 W elements after each row, and R - 1 rows more. It returns false when one of them
// is below `bound` or NaN. look_ahead says what comes after a tile, fetch_some fetches a part of it.
template <class T, int W, class Source> struct LaneCosts {
  static constexpr int R = kBlockRows;
  const LaneGroup<T, W>* group;
  const GroupTable<T, W>* table;
  Source* source;
  T bound;
  int64_t height, pitch, lane_stride;  // of a tile; from one lane's to the next
  bool failed[W] = {};
  T *tiles, *block;                    // block: [row][column][lane]

  KT_HD LaneCosts(const LaneGroup<T, W>& g, const GroupTable<T, W>& t, Arena& arena) : group(&g), table(&t), source(nullptr) {
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
      if (!source->put(lane, i + filled_rows - row_start, rows - filled_rows, j + filled - column_start, end - j - filled,
                       tile + filled_rows * pitch + filled, pitch, bound))
        failed[lane] = true;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < filled; ++c) tile[r * pitch + c] = r < filled_rows ? T(0) : infinity<T>();
      if (r < filled_rows)
        for (int64_t c = filled; c < end - j; ++c) tile[r * pitch + c] = beside;
    }
  }

  // Costs of rows i .. i + R - 1, columns j .. end - 1, which are a stripe; the tiles have all those that are done together.
  __attribute__((noinline)) typename Source::Rows rows(int64_t i, int64_t j, int64_t end) {
    const int64_t in_tile = i % height, stripe = j / table->stripe, last = table->last_together(stripe) - 1;
    const int64_t first_column = table->begin(stripe / table->stripes_together * table->stripes_together);
    if (in_tile == 0 && j == first_column) {
      const int64_t rows_here = group->rows - i < height ? group->rows - i : height, end_column = table->end(last);
      for (int l = 0; l < W; ++l) fill_tile(l, i, rows_here, j, end_column);
      source->look_ahead(i + rows_here, height, j, end_column - j);
    }
    const int64_t width = end - j;
    for (int r = 0; r < R; ++r)
      transpose_rows<T, W>(tiles + (in_tile + r) * pitch + j - first_column, lane_stride, width, block + r * width * W,
                           [&]() KT_INLINE { source->fetch_some(); });
    return {block, width * W};
  }
};

// The caller's matrices.
template <class T, int W> struct GivenCosts {
  using Rows = CostRows<Pack<T, W>, kBlockRows>;
  static constexpr bool kDifference = false;
  static constexpr int64_t kTileColumns = 256;
  static constexpr int kLinesAtOnce = 6, kLanesAhead = W / 3 + 1;
  static constexpr int64_t kLine = 64 / int64_t(sizeof(T));
  const LaneGroup<T, W>* group;
  const T* coming = nullptr;  // the next line to fetch, `line` of the row's `lines`
  int64_t coming_row = 0, first_row = 0, end_row = 0, first_column = 0, line = 0, lines = 0;
  int coming_lane = 0;

  KT_HD GivenCosts(const LaneGroup<T, W>& g, bool, Arena&) : group(&g) {}

  // Part of what comes next is fetched while a tile is worked on, which leaves the memory idle: the first third of the lanes.
  // The rest is fetched lane by lane while its neighbour is copied.
  KT_HD void look_ahead(int64_t i, int64_t rows, int64_t j, int64_t columns) {
    const bool below = i < group->pair[0].n;
    first_row = below ? i : 0, end_row = first_row + rows, first_column = j, lines = (columns + kLine - 1) / kLine;
    coming_lane = below ? 0 : W;
    start_lane();
  }
  KT_HD void start_lane() {
    const DtwPair& p = group->pair[coming_lane];
    coming_row = first_row, line = 0;
    coming = first_row < p.n && first_column < p.m ? row(coming_lane, first_row) + first_column : nullptr;
  }
  KT_HD void fetch_some() {
    for (int k = 0; k < kLinesAtOnce && coming; ++k) {
      __builtin_prefetch(coming, 0, 2);
      coming += kLine;
      if (++line < lines) continue;
      line = 0;
      if (++coming_row < end_row && coming_row < group->pair[coming_lane].n)
        coming = row(coming_lane, coming_row) + first_column;
      else if (++coming_lane % W < kLanesAhead) start_lane();
      else coming = nullptr;
    }
  }
  KT_HD const T* row(int lane, int64_t i) const {
    const auto& cost = group->args->cost;
    return cost.data + group->pair[lane].at * cost.stride[0] + i * cost.stride[1];
  }
  KT_HD bool put(int lane, int64_t i, int64_t rows, int64_t j, int64_t columns, T* tile, int64_t pitch, T bound) const {
    using V = Pack<T, W>;
    mask_of<V> good(true);
    bool rest_good = true;
    // While these rows are copied those of the next lane's pair are fetched, the hardware does not foresee the jump; after the last
    // lane those of the next tile or group.
    const bool same_rows = lane + 1 < W, below = !same_rows && i + rows < group->pair[0].n;
    const int next_lane = same_rows ? lane + 1 : below ? 0 : W;
    const int64_t next_row = same_rows ? i : below ? i + rows : 0, last_row = group->pair[next_lane].n - 1;
    for (int64_t r = 0; r < rows; ++r, tile += pitch) {
      const T *from = row(lane, i + r) + j, *next = from;
      if (next_row + r <= last_row) next = row(next_lane, next_row + r) + j;
      int64_t c = 0;
      for (; c + W <= columns; c += W) {
        __builtin_prefetch(next + c, 0, 2);
        const V cost = load<V>(from + c);
        good = good & (V(bound) <= cost);
        store(tile + c, cost);
      }
      for (; c < columns; ++c) {
        tile[c] = from[c];
        rest_good = rest_good && bound <= from[c];
      }
    }
    return rest_good && all(good);
  }
};

KT_MATHS_END
