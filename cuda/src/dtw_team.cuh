// dtw on CUDA: the lanes that share a pair. Lane l is l rows behind lane 0, so that the last cell of a lane's row reaches the
// lane on its right by one shuffle when that lane gets to this row; only every 32 rows do several warps wait for each other.
#pragma once
#include "dtw_cells.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kChunk = 32, kRing = 4 * kChunk;  // rows between two barriers; rows of an edge in shared memory

__device__ inline int warp_max(int value) {
  for (int apart = kWarp / 2; apart > 0; apart /= 2) {
    const int other = __shfl_xor_sync(kAllLanes, value, apart);
    value = other > value ? other : value;
  }
  return value;
}

// Where a path ends: its value, and the first column with that value.
template <class T> struct PathEnd {
  T value;
  int column;

  __device__ void take(T other, int at) {
    if (other < value || (other == value && at < column)) value = other, column = at;
  }
};

// What the warps of one pair exchange; nothing of it is touched when a pair has one warp.
template <class T> struct Exchange {
  T edge[kMostWarps][kRing], value[kMostWarps];
  int column[kMostWarps];
};

template <class T> struct Team {
  int group, warps, lane, warp;
  Exchange<T>* shared;

  __device__ Team(const Plan& plan, Exchange<T>* exchange)
      : group(plan.group),
        warps(plan.warps),
        lane(int(threadIdx.x) % plan.group),
        warp(plan.warps > 1 ? int(threadIdx.x) / kWarp : 0),
        shared(exchange) {}

  __device__ int size() const { return group * warps; }
  __device__ int rank() const { return warp * group + lane; }
  __device__ void wait() const {
    if (warps > 1) __syncthreads();
    else __syncwarp(kAllLanes);
  }
  __device__ bool any(bool flag) const {
    if (warps > 1) return __syncthreads_or(flag);
    const unsigned all = __ballot_sync(kAllLanes, flag), own = group == kWarp ? kAllLanes : (1u << group) - 1;
    return (all >> (int(threadIdx.x) % kWarp - lane)) & own;
  }
  // The best end among the team's, for every lane of it. Another barrier has to come before the next call.
  __device__ PathEnd<T> best(PathEnd<T> end) const {
    for (int apart = group / 2; apart > 0; apart /= 2) {
      const T value = __shfl_xor_sync(kAllLanes, end.value, apart);
      const int column = __shfl_xor_sync(kAllLanes, end.column, apart);
      end.take(value, column);
    }
    if (warps == 1) return end;
    if (lane == 0) shared->value[warp] = end.value, shared->column[warp] = end.column;
    __syncthreads();
    for (int w = 0; w < warps; ++w) end.take(shared->value[w], shared->column[w]);
    return end;
  }
};

// The right edge of a stripe: one value per row of [low, high), +inf elsewhere; `mask` folds rows into a ring.
template <class T> struct Edge {
  T* values;
  int mask, low, high;

  __device__ __forceinline__ T get(int i) const { return i >= low && i < high ? values[i & mask] : infinity<T>(); }
};

// One lane's columns of one stripe, row by row.
template <class T, class Cells, int C> struct LaneRows {
  using Word = typename std::conditional<C == 16, uint32_t, uint8_t>::type;  // two bits per column
  static_assert(C == 16 || C == 4, "a word holds the directions of a lane's columns");
  Cells cells;
  T up[C], corner, last, pending;  // pending: what lane 0 gets from the stripe before
  int begin, end;  // rows of the stripe that the window leaves

  __device__ LaneRows(const DtwArgs<T>& a, const DtwPair& p, bool blank)
      : cells(a, p, blank), corner(infinity<T>()), last(infinity<T>()), pending(infinity<T>()), begin(0), end(0) {}

  __device__ void start(const DtwArgs<T>& a, const Band& band, int first, int begin_row, int end_row) {
    begin = begin_row, end = end_row;
    cells.load_columns(band, first, begin);
    const T above = Cells::kNonNegative && a.free_start && begin == 0 ? T(0) : infinity<T>();
#pragma unroll
    for (int k = 0; k < C; ++k) up[k] = above;
    corner = last = infinity<T>();
  }
  __device__ void meet(const Edge<T>& in, int row, bool first_cell) {
    pending = in.get(row);
    corner = first_cell ? T(0) : in.get(row - 1);
  }

  // Steps [from, to): this lane is at row base + step - lane. Where all lanes of the warp have a row, and another one to come,
  // nothing is asked.
  template <bool kChoice>
  __device__ __forceinline__ void run(const Team<T>& team, int from, int to, int base, const Edge<T>& in, T* out,
                                      int out_mask, Word* directions) {
    int step = from;
    if constexpr (Cells::kNonNegative) {
      int full_from = begin - base + team.group - 1;  // KT_MUTATE: - 1 -> - 2
      int full_to = end - base - 1;  // KT_MUTATE: - 1 -> + 1
      if (team.group < kWarp) full_from = warp_max(full_from), full_to = -warp_max(-full_to);
      full_to = to < full_to ? to : full_to;
      for (; step < to && step < full_from; ++step)
        row<kChoice, false>(team, base + step - team.lane, in, out, out_mask, directions);
#pragma unroll 2
      for (; step < full_to; ++step) row<kChoice, true>(team, base + step - team.lane, in, out, out_mask, directions);
    }
    for (; step < to; ++step) row<kChoice, false>(team, base + step - team.lane, in, out, out_mask, directions);
  }

 private:
  template <bool kChoice, bool kFull>
  __device__ __forceinline__ void row(const Team<T>& team, int i, const Edge<T>& in, T* out, int out_mask,
                                      Word* directions) {
    T left = __shfl_up_sync(kAllLanes, last, 1, team.group);
    if (team.lane == 0) left = pending, pending = in.get(i + 1);
    const T before = left;
    const bool active =
        kFull || (i >= begin && i < end);  // KT_MUTATE: i >= begin -> true  // KT_MUTATE: i < end -> true
    if (active) {
      cells.start_row(i, kFull || i + 1 < end);
      T diagonal = corner;
      uint32_t word = 0;
#pragma unroll
      for (int k = 0; k < C; ++k) {
        uint32_t number = 0;
        const T value = cells.template cell<kChoice>(k, i, diagonal, up[k], left, number);
        diagonal = up[k], up[k] = left = value;
        if (kChoice) word |= number << (2 * k);
      }
      last = left;
      if (kChoice) directions[int64_t(i + team.lane) * team.group + team.lane] = Word(word);
    }
    if (out && active) out[i & out_mask] = last;
    corner = before;
  }
};

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace
