// dtw: the accumulated cost, row by row, for a group of pairs. As many rows are kept as the longest step looks back.
#pragma once
#include <kinetrace/dtw/recurrence.hpp>

#include "dtw_costs.hpp"

KT_MATHS_BEGIN

// One bit per lane.
template <class V> KT_HD uint32_t bits_of(mask_of<V> mask) {
#if defined(__AVX512DQ__)
  if constexpr (sizeof(mask) == 64 && lanes<V>::width == 16) return _mm512_movepi32_mask((__m512i)mask.v);
  if constexpr (sizeof(mask) == 64 && lanes<V>::width == 8) return _mm512_movepi64_mask((__m512i)mask.v);
#endif
#if defined(__AVX__)
  if constexpr (sizeof(mask) == 32 && lanes<V>::width == 8) return uint32_t(_mm256_movemask_ps((__m256)mask.v));
  if constexpr (sizeof(mask) == 32 && lanes<V>::width == 4) return uint32_t(_mm256_movemask_pd((__m256d)mask.v));
#endif
  uint32_t bits = 0;
  for (int lane = 0; lane < lanes<V>::width; ++lane) bits |= uint32_t(mask[lane]) << lane;
  return bits;
}
template <class V> KT_HD uint32_t bits_of(const Choice<V>& choice, int plane) {
  if constexpr (lanes<V>::width == 1) return uint32_t(choice.number >> plane & 1);
  else return bits_of<V>(choice.plane[plane]);
}

// Directions of one row: `planes` numbers of W bits per column, packed without gaps.
KT_HD int64_t direction_row_bytes(int64_t columns, int planes, int W) { return (columns * planes * W + 7) / 8; }
template <int W> KT_HD void put_direction(uint8_t* row, int64_t index, uint32_t bits) {
  if constexpr (W == 16) {
    row[2 * index] = uint8_t(bits), row[2 * index + 1] = uint8_t(bits >> 8);
  } else if constexpr (W == 8) {
    row[index] = uint8_t(bits);
  } else {
    uint8_t& byte = row[index * W >> 3];  // zeroed before the row starts
    byte = uint8_t(byte | bits << (index * W & 7));
  }
}
KT_HD int get_direction(const uint8_t* row, int64_t column, int planes, int W, int lane) {
  int k = 0;
  for (int p = 0; p < planes; ++p) {
    const int64_t bit = (column * planes + p) * W + lane;
    k |= (row[bit >> 3] >> (bit & 7) & 1) << p;
  }
  return k;
}

template <class T, class V> struct DtwRows {
  static constexpr int W = lanes<V>::width;
  DtwGroup<T, V> group;
  T* ring = nullptr;  // (max_di + 1, max_dj + columns, W); the first max_dj columns are +inf
  int64_t row_elements, ring_rows;
  int planes;
  bool square, whole;  // whole: every lane has every column of every row

  KT_HD const StepTable& steps() const { return group.args->steps; }
  KT_HD T* row(int64_t i) const { return ring + i % ring_rows * row_elements + steps().max_dj * W; }

  KT_HD void measure(const DtwArgs<T>& a) {
    ring_rows = a.steps.max_di + 1;
    row_elements = (a.steps.max_dj + group.columns) * W;
    planes = planes_of(a.steps.count);
    square = a.metric == Metric::sqeuclidean && a.dims == 1;
    whole = !a.window.limited;
  }
  KT_HD int64_t ring_elements() const { return ring_rows * row_elements; }

  KT_HD void begin() {
    for (int64_t k = 0; k < ring_elements(); k += W) store(ring + k, V(infinity<T>()));
    if (group.args->metric != Metric::given && !group.blank) pack_y(group);
  }

  // The columns of row i that each lane has, and their union.
  KT_HD void columns_of(int64_t i, int64_t* low, int64_t* high, int64_t& first, int64_t& last) const {
    first = group.columns, last = 0;
    for (int lane = 0; lane < W; ++lane) {
      const bool active = i < group.pair[lane].n;
      low[lane] = active ? first_column(group.band[lane], i) : group.columns;
      high[lane] = active ? last_column(group.band[lane], i) : -1;
      first = low[lane] < first ? low[lane] : first;
      last = high[lane] > last ? high[lane] : last;
    }
  }

  // Columns that rows after this one may look at although no lane has them here.
  KT_HD void clear_beside(int64_t i, int64_t first, int64_t last) const {
    int64_t far = last;
    for (int lane = 0; lane < W; ++lane) {
      const int64_t n = group.pair[lane].n, ahead = i + steps().max_di < n ? i + steps().max_di : n - 1;
      const int64_t reach = ahead >= 0 && i < n ? last_column(group.band[lane], ahead) : 0;
      far = reach > far ? reach : far;
    }
    T* out = row(i);
    for (int64_t j = first - steps().max_dj > 0 ? first - steps().max_dj : 0; j < first; ++j)
      store(out + j * W, V(infinity<T>()));
    for (int64_t j = last + 1; j <= far; ++j) store(out + j * W, V(infinity<T>()));
  }

  // Row i; with `directions` also which step each cell takes.
  void advance(int64_t i, uint8_t* directions) {
    int64_t low[W], high[W], first, last;
    columns_of(i, low, high, first, last);
    fill_costs(group, i, first, last);
    if (costs_need_checks(group.args->metric) && !group.blank) check_costs(group, first, last, low, high);
    if (!whole) clear_beside(i, first, last);
    if (!whole && W > 1) blot_costs(first, last, low, high);
    if (directions && W < 8)
      for (int64_t k = 0; k < direction_row_bytes(group.columns, planes, W); ++k) directions[k] = 0;
    if (square)
      directions ? cells<true, true>(i, first, last, directions) : cells<true, false>(i, first, last, nullptr);
    else directions ? cells<false, true>(i, first, last, directions) : cells<false, false>(i, first, last, nullptr);
  }

 private:
  template <bool kSquare, bool kChoice> void cells(int64_t i, int64_t first, int64_t last, uint8_t* directions) {
    const T* before[kMaxSteps];
    for (int k = 0; k < steps().count; ++k) before[k] = row(i + ring_rows - steps().di[k]) - steps().dj[k] * W;
    T* out = row(i);
    int64_t j = first;
    if (i == 0) {
      const int64_t starts = group.args->free_start ? last + 1 : 1;
      for (; j < starts; ++j) {
        const V cost = load<V>(group.cost + j * W);
        store(out + j * W, kSquare ? add_square(V(T(0)), V(T(1)), cost) : cost);
      }
    }
    Choice<V> choice;
    for (; j <= last; ++j) {
      const auto read = [&](int k) KT_INLINE { return load<V>(before[k] + j * W); };
      const V cost = load<V>(group.cost + j * W);
      store(out + j * W, enter_cell<kSquare, kChoice, V>(steps(), group.args->weights, read, cost, planes, choice));
      if (kChoice)
        for (int p = 0; p < planes; ++p) put_direction<W>(directions, j * planes + p, bits_of(choice, p));
    }
  }

  // A window differs from lane to lane: a cell that this lane does not have costs +inf.
  KT_HD void blot_costs(int64_t first, int64_t last, const int64_t* low, const int64_t* high) const {
    for (int lane = 0; lane < W; ++lane) {
      const int64_t after = high[lane] + 1 > first ? high[lane] + 1 : first;
      for (int64_t j = first; j <= last && j < low[lane]; ++j) group.cost[j * W + lane] = infinity<T>();
      for (int64_t j = after; j <= last; ++j) group.cost[j * W + lane] = infinity<T>();
    }
  }
};

KT_MATHS_END
