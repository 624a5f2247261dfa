// dtw on one instruction set: what the caller gets of a group of lanes.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_lane_trace.hpp"

KT_MATHS_BEGIN

// Pieces of one block of memory, each on a cache line of its own. From nullptr it only counts.
struct Arena {
  char* begin;
  int64_t used = 0;
  template <class E> KT_HD E* take(int64_t count) {
    const int64_t at = used;
    used += (count * int64_t(sizeof(E)) + 63) / 64 * 64;
    return begin ? reinterpret_cast<E*>(begin + at) : nullptr;
  }
};

// Neighbours in the list of pairs, one per lane; lanes past the last repeat it.
template <class T, int W> struct LaneGroup {
  const DtwArgs<T>* args;
  int used;
  int64_t rows = 1, columns = 1;  // of the longest
  DtwPair pair[2 * W];  // and those of the next group; after the last pair it is repeated
  bool good[W];  // finite, and a path was found; others are left to the general kernel

  KT_HD LaneGroup(const DtwArgs<T>& a, const int64_t* pairs, int64_t count) : args(&a), used(int(count < W ? count : W)) {
    for (int l = 0; l < 2 * W; ++l) pair[l] = l < count ? pair_of(a, pairs[l]) : pair[l - 1];
    for (int l = 0; l < W; ++l) {
      good[l] = pair[l].n > 0 && pair[l].m > 0;
      rows = pair[l].n > rows ? pair[l].n : rows;
      columns = pair[l].m > columns ? pair[l].m : columns;
    }
    rows = (rows + kBlockRows - 1) / kBlockRows * kBlockRows;
    columns = columns < kBlockRows ? kBlockRows : columns;
  }
};

// Where the paths are kept: the cells of all lanes side by side, and for rewards one path in order.
struct PathSpace {
  int32_t *steps = nullptr, *cells = nullptr;
};

template <class T, int W> KT_HD void write_paths(const LaneGroup<T, W>& group, const GroupTable<T, W>& g,
                                                 const int64_t* end_column, PathSpace space, int32_t* length) {
  const DtwArgs<T>& a = *group.args;
  const int64_t room = 2 * a.path_capacity;
  trace_lanes_back(g, end_column, space.steps, length);
  for (int l = 0; l < group.used; ++l) {
    if (!group.good[l]) continue;
    const DtwPair& p = group.pair[l];
    int32_t* path = a.path ? a.path + p.at * room : space.cells;
    if (a.path || a.rewards) turn_round<W>(space.steps, l, length[l], path);
    if (a.rewards) write_rewards(a, p, kOk, path, length[l]);
    if (a.path_lengths) a.path_lengths[p.at] = length[l];
    if (a.path) __builtin_memset(path + 2 * length[l], 0xff, std::size_t(room - 2 * length[l]) * sizeof(int32_t));
  }
}

template <class T, int W> KT_HD void write_curve(const LaneGroup<T, W>& group, const GroupTable<T, W>& g, int lane) {
  const DtwArgs<T>& a = *group.args;
  const DtwPair& p = group.pair[lane];
  T* curve = a.curve + p.at * a.columns;
  const T* last = g.top + int64_t(g.column_start[lane]) * W + lane;
  for (int64_t j = 0; j < a.columns; ++j) curve[j] = j < p.m ? normalized(a, p, last[j * W], 0) : infinity<T>();
}

// Returns how many pairs are left over; their numbers go to `rest`.
template <class T, int W> KT_HD int finish_group(LaneGroup<T, W>& group, const GroupTable<T, W>& g, PathSpace space,
                                                 int64_t* rest) {
  const DtwArgs<T>& a = *group.args;
  int64_t end_column[W];
  int32_t length[W] = {};
  T value[W];
  int left = 0;
  for (int l = 0; l < W; ++l) {
    end_column[l] = g.columns - 1;
    if (l >= group.used) continue;
    value[l] = g.top[end_column[l] * W + l];
    if (a.free_end)
      for (int64_t j = g.columns - 1; j >= int64_t(g.column_start[l]); --j)
        if (const T v = g.top[j * W + l]; v <= value[l]) value[l] = v, end_column[l] = j;
    group.good[l] = group.good[l] && is_finite(value[l]);
    if (!group.good[l]) rest[left++] = group.pair[l].at;
  }
  if (wants_path(a)) write_paths(group, g, end_column, space, length);
  for (int l = 0; l < group.used; ++l) {
    if (!group.good[l]) continue;
    write_distance(a, group.pair[l], kOk, value[l], length[l]);
    if (a.curve) write_curve(group, g, l);
  }
  return left;
}

KT_MATHS_END
