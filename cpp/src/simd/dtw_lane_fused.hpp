// dtw on one instruction set: blocks of costs for a group of lanes, given by the caller or from samples of several coordinates.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_lane_cost_tile.hpp"
#include "dtw_lane_finish.hpp"

KT_MATHS_BEGIN

// Columns worked on at a time: a block of rows of this many columns and lanes stays in the second cache.
constexpr int64_t kCostStripe = 64;

template <class T, int W> struct LaneCosts {
  static constexpr int R = kBlockRows;
  const LaneGroup<T, W>* group;
  T bound;           // costs below it, and NaN, are left to the general kernel
  int64_t pitch;     // columns of the block
  T* block;          // [row][column][lane]
  int64_t row_start[W], column_start[W], last_start;
  LaneBits<W> good = LaneBits<W>(~0u);

  KT_HD LaneCosts(const LaneGroup<T, W>& g, Arena& arena) : group(&g) {
    bound = g.args->free_start ? T(0) : -limits<T>::largest;
    pitch = g.columns < 2 * kCostStripe ? g.columns : 2 * kCostStripe;
    block = arena.take<T>(R * pitch * W);
    last_start = 0;
    for (int l = 0; l < W; ++l) {
      row_start[l] = g.rows - g.pair[l].n, column_start[l] = g.columns - g.pair[l].m;
      last_start = column_start[l] > last_start ? column_start[l] : last_start;
    }
  }

  // row_of(lane, r, i): the row's cost in padded column 0, for row i of the lane's own, which is row r of the block.
  template <class RowOf> KT_HD CostRows<Pack<T, W>, R> transpose(int64_t i, int64_t j, int64_t end, int64_t ahead,
                                                                 RowOf&& row_of) {
    for (int r = 0; r < R; ++r) {
      LaneRows<T, W> rows;
      rows.all_real = last_start;
      for (int l = 0; l < W; ++l) {
        const int64_t own = i + r - row_start[l];
        rows.start[l] = column_start[l];
        rows.row[l] = own < 0 ? nullptr : row_of(l, r, own);
        if (own < 0) rows.all_real = end + 1;
      }
      good &= transpose_costs<T, W>(rows, j, end, group->args->free_start, bound, ahead, block + r * pitch * W);
    }
    return {block, pitch * W};
  }
};

// The caller's matrices.
template <class T, int W> struct GivenCosts : LaneCosts<T, W> {
  KT_HD GivenCosts(const LaneGroup<T, W>& g, Arena& arena) : LaneCosts<T, W>(g, arena) {}
  KT_HD void prepare(LaneGroup<T, W>&) {}
  KT_HD CostRows<Pack<T, W>, kBlockRows> operator()(int64_t i, int64_t j, int64_t end) {
    const auto& cost = this->group->args->cost;
    const int64_t ahead = i + 2 * kBlockRows <= this->group->rows ? kBlockRows * cost.stride[1] : 0;
    return this->transpose(i, j, end, ahead, [&](int l, int, int64_t own) KT_INLINE {
      return cost.data + this->group->pair[l].at * cost.stride[0] + own * cost.stride[1] - this->column_start[l];
    });
  }
};

// Samples of several coordinates. One pair's block at a time, its columns in lanes; then as if it had been given.
template <Metric kMetric, class T, int W> struct FusedCosts : LaneCosts<T, W> {
  static constexpr int R = kBlockRows;
  SideBySide<T> y[W];
  T *x_norms, *tiles;  // [lane][row of x], [lane][row of the block][column]
  int64_t tile_pitch;

  KT_HD FusedCosts(const LaneGroup<T, W>& g, Arena& arena) : LaneCosts<T, W>(g, arena) {
    constexpr bool norms = kMetric == Metric::cosine;
    const int64_t samples = (g.columns + 2 * W - 1) / W * W, rows = g.args->dims + norms;
    tile_pitch = this->pitch + 3 * W;
    for (int l = 0; l < W; ++l) y[l] = {arena.take<T>(samples * rows), samples};
    x_norms = arena.take<T>(norms ? g.rows * W : 0);
    tiles = arena.take<T>(W * R * tile_pitch);
  }
  KT_HD const T* x_sample(int l, int64_t i) const {
    const auto& x = this->group->args->x;
    return x.data + this->group->pair[l].x_at * x.stride[0] + i * x.stride[1];
  }
  KT_HD void prepare(LaneGroup<T, W>& g) {
    const DtwArgs<T>& a = *g.args;
    constexpr bool norms = kMetric == Metric::cosine;
    for (int l = 0; l < g.used; ++l) {
      const DtwPair& p = g.pair[l];
      if (!g.good[l]) continue;
      const Pack<T, W> largest = put_side_by_side<T, W>(a.y.data + p.y_at * a.y.stride[0], p.m, a.y.stride[1], a.dims,
                                                        a.y.stride[2], norms, y[l]);
      bool finite = all(is_finite(largest));
      for (int64_t i = 0; i < p.n; ++i) {
        finite = finite && finite_sample<T, W>(x_sample(l, i), a.dims, a.x.stride[2]);
        if (norms) x_norms[l * g.rows + i] = norm_of<T>(x_sample(l, i), a.dims, a.x.stride[2]);
      }
      g.good[l] = finite;
    }
  }
  KT_HD CostRows<Pack<T, W>, R> operator()(int64_t i, int64_t j, int64_t end) {
    const DtwArgs<T>& a = *this->group->args;
    int64_t first[W];
    for (int l = 0; l < W; ++l) {
      const int64_t begin = j - this->column_start[l];
      first[l] = begin < 0 ? 0 : begin / W * W;
      if (l >= this->group->used || !this->group->good[l]) continue;
      const T* x[R];
      for (int r = 0; r < R; ++r) {
        const int64_t own = i + r - this->row_start[l];
        x[r] = x_sample(l, own < 0 ? 0 : own);
      }
      const int64_t own = i - this->row_start[l] < 0 ? 0 : i - this->row_start[l];
      cost_rows<kMetric, T, W>(x, a.dims, a.x.stride[2], x_norms + l * this->group->rows + own, y[l], first[l],
                               end - this->column_start[l], tiles + l * R * tile_pitch, tile_pitch);
    }
    return this->transpose(i, j, end, 0, [&](int l, int r, int64_t) KT_INLINE {
      return static_cast<const T*>(tiles + (l * R + r) * tile_pitch - first[l] - this->column_start[l]);
    });
  }
};

KT_MATHS_END
