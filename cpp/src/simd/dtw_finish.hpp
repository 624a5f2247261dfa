// dtw on one instruction set: what the caller gets of a group of lanes.
#pragma once
#include <kinetrace/dtw/types.hpp>

#include "dtw_trace.hpp"

KT_MATHS_BEGIN

// Pieces of the thread's scratch memory, each on a cache line of its own.
struct Arena {
  char* at;
  KT_HD explicit Arena(void* memory) : at(static_cast<char*>(memory)) {}
  template <class E> KT_HD E* take(int64_t count) {
    E* p = reinterpret_cast<E*>(at);
    at += (count * int64_t(sizeof(E)) + 63) / 64 * 64;
    return p;
  }
};

template <class T, int W> struct Group {
  int used;
  int64_t pair[W], n[W], m[W];
  bool good[W];  // others are left to the general kernel
};

template <class T> KT_HD T path_divisor(Normalize normalize, int64_t n, int64_t m, int64_t cells) {
  switch (normalize) {
    case Normalize::x: return T(n);
    case Normalize::y: return T(m);
    case Normalize::sum: return T(n + m);
    case Normalize::path: return T(cells);
    default: return T(1);
  }
}

template <class T, int W> KT_HD void write_paths(const DtwArgs<T>& a, const Group<T, W>& group, const GroupTable<T, W>& g,
                                                 const int64_t* end_column, int64_t* length) {
  int32_t* path[W];
  for (int l = 0; l < group.used; ++l) path[l] = a.path + group.pair[l] * 2 * a.path_capacity;
  trace_paths(g, group.used, group.good, end_column, a.path_capacity, path, length);
  for (int l = 0; l < group.used; ++l) {
    if (!group.good[l]) continue;
    const int64_t cells = 2 * length[l], gap = 2 * a.path_capacity - cells;
    if (gap) __builtin_memmove(path[l], path[l] + gap, std::size_t(cells) * sizeof(int32_t));  // to the front
    for (int64_t c = cells; c < 2 * a.path_capacity; ++c) path[l][c] = -1;
    if (a.path_lengths) a.path_lengths[group.pair[l]] = int32_t(length[l]);
  }
}

// Pairs that are not good, or have no path of finite cost, are left over.
template <class T, int W> KT_HD void finish_group(const DtwArgs<T>& a, Group<T, W>& group, const GroupTable<T, W>& g,
                                                  uint8_t* left_over) {
  int64_t end_column[W], length[W] = {};
  T value[W];
  for (int l = 0; l < group.used; ++l) {
    end_column[l] = g.columns - 1;
    value[l] = g.top[end_column[l] * W + l];
    if (a.free_end)
      for (int64_t j = g.columns - 1; j >= int64_t(g.column_start[l]); --j)
        if (const T v = g.top[j * W + l]; v <= value[l]) value[l] = v, end_column[l] = j;
    group.good[l] = group.good[l] && value[l] < infinity<T>();
    left_over[l] = !group.good[l];
  }
  if (a.path) write_paths(a, group, g, end_column, length);
  for (int l = 0; l < group.used; ++l) {
    if (!group.good[l]) continue;
    const int64_t p = group.pair[l];
    a.distance[p] = value[l] / path_divisor<T>(a.normalize, group.n[l], group.m[l], length[l]);
    if (a.status) a.status[p] = kOk;
  }
}

KT_MATHS_END
