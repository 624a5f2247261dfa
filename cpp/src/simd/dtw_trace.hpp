// dtw: from the last row back to the start. Directions are kept for as many rows as memory allows; of longer pairs the rows in
// between are computed again from copies of the state before them, which changes no bit.
#pragma once
#include "dtw_lane_bits.hpp"
#include "dtw_rows.hpp"

KT_MATHS_BEGIN

// One lane's way back; cells are collected from the end.
struct DtwWalk {
  int32_t* cells = nullptr;
  int64_t i = -1, j = 0, length = 0;  // next cell; i < 0: arrived, or nothing to do
};

// Follows steps down to row `first`. step_at(i, j): the step that leads into a cell.
template <class StepAt> KT_HD void walk_back(const StepTable& steps, bool free_start, int64_t first, DtwWalk& walk,
                                             const StepAt& step_at) {
  while (walk.i >= 0 && walk.i >= first) {
    walk.cells[2 * walk.length] = int32_t(walk.i), walk.cells[2 * walk.length + 1] = int32_t(walk.j);
    ++walk.length;
    if (walk.i == 0 && (free_start || walk.j == 0)) {
      walk.i = -1;
      return;
    }
    const int k = step_at(walk.i, walk.j);
    walk.i -= steps.di[k], walk.j -= steps.dj[k];
  }
}

// What a group's rows end in.
template <class T, class V> struct DtwEnds {
  static constexpr int W = lanes<V>::width;
  T value[W] = {};
  int64_t column[W] = {};

  // From one lane's last row, whose columns lie `apart` elements apart.
  KT_HD void read_row(const DtwArgs<T>& a, const DtwPair& p, const Band& band, int lane, const T* row, int64_t apart,
                      bool curves) {
    const int64_t low = first_column(band, p.n - 1), high = last_column(band, p.n - 1);
    column[lane] = p.m - 1;
    if (a.free_end)
      for (int64_t j = column[lane] = low; j <= high; ++j)
        if (row[j * apart] < row[column[lane] * apart]) column[lane] = j;
    value[lane] = row[column[lane] * apart];
    if (!curves) return;
    T* curve = a.curve + p.at * a.columns;
    for (int64_t j = 0; j < a.columns; ++j) {
      const T v = j >= low && j <= high ? row[j * apart] : infinity<T>();
      curve[j] = v <= limits<T>::largest ? normalized(a, p, v, 1) : v;
    }
  }
  // Those of the lanes that end with row i.
  KT_HD void read(const DtwRows<T, V>& rows, int64_t i, bool curves) {
    for (int lane = 0; lane < W; ++lane)
      if (i + 1 == rows.group.pair[lane].n)
        read_row(*rows.group.args, rows.group.pair[lane], rows.group.band[lane], lane, rows.row(i) + lane, W, curves);
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
    walk_back(rows.steps(), rows.group.args->free_start, 0, walks[lane], [&](int64_t i, int64_t j) KT_INLINE {
      return get_direction(directions + i * row_bytes, j, rows.planes, W, lane);
    });
  }
}

// One long pair: units of rows, [first, last), the state before them being in place. Where the directions need more than `bytes`,
// copies of the state at the heads of parts take at most about as much again on each level.
//   pair.units, pair.unit_rows, pair.unit_bytes (of directions), pair.state, pair.state_elements
//   pair.advance(unit, directions), pair.end(walk) after the last unit, pair.step_at(directions of the unit, i, j)
template <class Pair> void trace_units(Pair& pair, DtwWalk& walk, int64_t first, int64_t last, int64_t bytes) {
  const int64_t count = last - first, affordable = bytes / pair.unit_bytes > 0 ? bytes / pair.unit_bytes : 1;
  if (count <= affordable) {
    const HeapBlock memory(count * pair.unit_bytes);
    auto* directions = static_cast<uint8_t*>(memory.data);
    for (int64_t k = first; k < last; ++k) pair.advance(k, directions + (k - first) * pair.unit_bytes);
    if (last == pair.units) pair.end(walk);
    walk_back(pair.args->steps, pair.args->free_start, first * pair.unit_rows, walk,
              [&](int64_t i, int64_t j) KT_INLINE {
                return pair.step_at(directions + (i / pair.unit_rows - first) * pair.unit_bytes, i, j);
              });
    return;
  }
  const int64_t elements = pair.state_elements, copies = bytes / (elements * int64_t(sizeof(*pair.state)));
  int64_t parts = (count + affordable - 1) / affordable;
  parts = parts > copies ? (copies > 2 ? copies : 2) : parts;
  const int64_t height = (count + parts - 1) / parts;
  parts = (count + height - 1) / height;
  const HeapBlock memory(parts * elements * int64_t(sizeof(*pair.state)));
  auto* heads = static_cast<decltype(pair.state)>(memory.data);
  for (int64_t b = 0; b < parts; ++b) {
    for (int64_t e = 0; e < elements; ++e) heads[b * elements + e] = pair.state[e];
    if (b + 1 < parts)
      for (int64_t k = first + b * height; k < first + (b + 1) * height; ++k) pair.advance(k, nullptr);
  }
  for (int64_t b = parts - 1; b >= 0; --b) {
    const int64_t head = first + b * height, end = head + height < last ? head + height : last;
    if (end != pair.units && walk.i < head * pair.unit_rows) continue;
    for (int64_t e = 0; e < elements; ++e) pair.state[e] = heads[b * elements + e];
    trace_units(pair, walk, head, end, bytes);
    if (walk.i < 0) return;
  }
}

// Rows of any pattern, one at a time.
template <class T> struct DtwRowUnits {
  DtwRows<T, T>& rows;
  DtwEnds<T, T>& ends;
  const DtwArgs<T>* args;
  int64_t units, unit_bytes, state_elements;
  T* state;
  static constexpr int64_t unit_rows = 1;

  KT_HD DtwRowUnits(DtwRows<T, T>& r, DtwEnds<T, T>& e)
      : rows(r),
        ends(e),
        args(r.group.args),
        units(r.group.rows),
        unit_bytes(direction_row_bytes(r.group.columns, r.planes, 1)),
        state_elements(r.ring_elements()),
        state(r.ring) {}
  KT_HD void advance(int64_t i, uint8_t* directions) { rows.advance(i, directions); }
  KT_HD int step_at(const uint8_t* row, int64_t, int64_t j) const { return get_direction(row, j, rows.planes, 1, 0); }
  KT_HD void end(DtwWalk& walk) {
    ends.read(rows, units - 1, false);
    const bool ok = !rows.group.bad[0] && status_of(rows.group.pair[0], ends.value[0], false) == kOk;
    walk.i = ok ? units - 1 : -1, walk.j = ends.column[0];
  }
};

KT_MATHS_END
