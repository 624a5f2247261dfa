// dtw: from the last row back to the start. Directions are kept for as many rows as memory allows; of longer pairs the rows in
// between are computed again from copies of the rows before them, which changes no bit.
#pragma once
#include <cstdlib>
#include <new>

#include "dtw_rows.hpp"

KT_MATHS_BEGIN

// Memory for one call; no template of the standard library in a file that is compiled per instruction set.
struct HeapBlock {
  void* data;
  KT_HD explicit HeapBlock(int64_t bytes) : data(std::malloc(bytes > 0 ? std::size_t(bytes) : 1)) {
    if (!data) throw std::bad_alloc();
  }
  KT_HD ~HeapBlock() { std::free(data); }
  HeapBlock(const HeapBlock&) = delete;
  HeapBlock& operator=(const HeapBlock&) = delete;
};

// One lane's way back; cells are collected from the end.
struct DtwWalk {
  int32_t* cells = nullptr;
  int64_t i = -1, j = 0, length = 0;  // next cell; i < 0: arrived, or nothing to do
};

// Follows the directions of rows [first, ...) until the walk leaves them.
KT_HD void walk_back(const StepTable& steps, bool free_start, const uint8_t* directions, int64_t row_bytes, int planes,
                     int W, int lane, int64_t first, DtwWalk& walk) {
  while (walk.i >= 0 && walk.i >= first) {
    walk.cells[2 * walk.length] = int32_t(walk.i), walk.cells[2 * walk.length + 1] = int32_t(walk.j);
    ++walk.length;
    if (walk.i == 0 && (free_start || walk.j == 0)) {
      walk.i = -1;
      return;
    }
    const int k = get_direction(directions + (walk.i - first) * row_bytes, walk.j, planes, W, lane);
    walk.i -= steps.di[k], walk.j -= steps.dj[k];
  }
}

// What a group's rows end in.
template <class T, class V> struct DtwEnds {
  static constexpr int W = lanes<V>::width;
  T value[W] = {};
  int64_t column[W] = {};

  // Reads the last row of the lanes that end with row i.
  KT_HD void read(const DtwRows<T, V>& rows, int64_t i, bool curves) {
    const DtwArgs<T>& a = *rows.group.args;
    for (int lane = 0; lane < W; ++lane) {
      const DtwPair& p = rows.group.pair[lane];
      if (i + 1 != p.n) continue;
      const T* row = rows.row(i) + lane;
      const int64_t low = first_column(rows.group.band[lane], i), high = last_column(rows.group.band[lane], i);
      column[lane] = p.m - 1;
      if (a.free_end)
        for (int64_t j = column[lane] = low; j <= high; ++j)
          if (row[j * W] < row[column[lane] * W]) column[lane] = j;
      value[lane] = row[column[lane] * W];
      if (!curves) continue;
      T* curve = a.curve + p.at * a.columns;
      for (int64_t j = 0; j < a.columns; ++j) {
        const T v = j >= low && j <= high ? row[j * W] : infinity<T>();
        curve[j] = v <= limits<T>::largest ? normalized(a, p, v, 1) : v;
      }
    }
  }
};

// All lanes at once, all directions at once.
template <class T, class V> KT_HD void trace_lanes(DtwRows<T, V>& rows, DtwEnds<T, V>& ends, DtwWalk* walks) {
  constexpr int W = lanes<V>::width;
  const int64_t row_bytes = direction_row_bytes(rows.group.columns, rows.planes, W);
  const HeapBlock memory(rows.group.rows * row_bytes);
  auto* directions = static_cast<uint8_t*>(memory.data);
  for (int64_t i = 0; i < rows.group.rows; ++i) rows.advance(i, directions + i * row_bytes), ends.read(rows, i, false);
  for (int lane = 0; lane < W; ++lane) {
    const DtwPair& p = rows.group.pair[lane];
    if (rows.group.bad[lane] || status_of(p, ends.value[lane], false) != kOk) continue;
    walks[lane].i = p.n - 1, walks[lane].j = ends.column[lane];
    walk_back(rows.steps(), rows.group.args->free_start, directions, row_bytes, rows.planes, W, lane, 0, walks[lane]);
  }
}

// One long pair (W = 1): rows [first, last), of which the rows before are in the ring. Where the directions need more than
// `bytes`, copies of the ring at the heads of blocks take at most as much again on each level.
template <class T> void trace_rows(DtwRows<T, T>& rows, DtwEnds<T, T>& ends, DtwWalk& walk, int64_t first, int64_t last,
                                   int64_t bytes) {
  const int64_t row_bytes = direction_row_bytes(rows.group.columns, rows.planes, 1), count = last - first;
  const int64_t affordable = bytes / row_bytes;
  if (count <= affordable || count <= 1) {
    const HeapBlock memory(count * row_bytes);
    auto* directions = static_cast<uint8_t*>(memory.data);
    for (int64_t i = first; i < last; ++i) rows.advance(i, directions + (i - first) * row_bytes);
    if (last == rows.group.rows) {
      ends.read(rows, last - 1, false);
      const bool ok = !rows.group.bad[0] && status_of(rows.group.pair[0], ends.value[0], false) == kOk;
      walk.i = ok ? last - 1 : -1, walk.j = ends.column[0];
    }
    walk_back(rows.steps(), rows.group.args->free_start, directions, row_bytes, rows.planes, 1, 0, first, walk);
    return;
  }
  const int64_t elements = rows.ring_elements();
  int64_t blocks = (count + (affordable > 0 ? affordable : 1) - 1) / (affordable > 0 ? affordable : 1);
  const int64_t copies = bytes / (elements * int64_t(sizeof(T)));
  blocks = blocks > copies ? (copies > 2 ? copies : 2) : blocks;
  const int64_t height = (count + blocks - 1) / blocks;
  blocks = (count + height - 1) / height;
  const HeapBlock memory(blocks * elements * int64_t(sizeof(T)));
  auto* heads = static_cast<T*>(memory.data);
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t k = 0; k < elements; ++k) heads[b * elements + k] = rows.ring[k];
    if (b + 1 < blocks)
      for (int64_t i = first + b * height; i < first + (b + 1) * height; ++i) rows.advance(i, nullptr);
  }
  for (int64_t b = blocks - 1; b >= 0; --b) {
    const int64_t head = first + b * height, end = head + height < last ? head + height : last;
    if (last != rows.group.rows && walk.i < head) continue;
    for (int64_t k = 0; k < elements; ++k) rows.ring[k] = heads[b * elements + k];
    trace_rows(rows, ends, walk, head, end, bytes);
    if (walk.i < 0) return;
  }
}

KT_MATHS_END
