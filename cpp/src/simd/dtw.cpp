// dtw on one instruction set: any pattern, window, metric and free end; one pair per lane, or one at a time.
#include "dtw.hpp"

#include "../thread_pool.hpp"
#include "dtw_lanes.hpp"
#include "dtw_long.hpp"
#include "dtw_trace.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Above this much memory for the rows of a group its pairs are computed one at a time.
constexpr int64_t kGroupBytes = int64_t(16) << 20;

// Up to so many coordinates of x are interleaved at once; of longer ones a row at a time.
constexpr int64_t kWholeSamples = 4096;

// So few pairs of so many rows are computed one at a time with all lanes rather than side by side.
constexpr int64_t kFewPairs = 4, kLongRows = 32;

// Hands out the scratch memory of the thread.
template <class T> struct Carver {
  T* next;
  KT_HD T* take(int64_t elements) {
    T* here = next;
    next += (elements + 15) / 16 * 16;
    return here;
  }
};

// Elements that the gathers may write before and after what they are asked for.
constexpr int64_t kSlack = 4;

template <class T, class V> int64_t scratch_elements(const DtwRows<T, V>& rows) {
  const auto& g = rows.group;
  constexpr int64_t W = lanes<V>::width;
  const int64_t x_rows = g.whole_x ? g.rows : 1;
  const int64_t samples = g.args->metric == Metric::given ? 0 : (g.columns + x_rows) * g.args->dims + g.columns;
  return rows.ring_elements() + (samples + g.columns + 6 * kSlack) * W + 6 * 16;
}

template <class T, class V> void place(DtwRows<T, V>& rows) {
  auto& g = rows.group;
  constexpr int64_t W = lanes<V>::width;
  Carver<T> carver{static_cast<T*>(thread_scratch(std::size_t(scratch_elements(rows)) * sizeof(T)))};
  const auto take = [&](int64_t count) { return carver.take((count + 2 * kSlack) * W) + kSlack * W; };
  rows.ring = carver.take(rows.ring_elements());
  g.cost = take(g.columns);
  if (g.args->metric == Metric::given) return;
  g.x = take((g.whole_x ? g.rows : 1) * g.args->dims);
  g.y = take(g.columns * g.args->dims);
  g.y_norms = carver.take(g.columns * W);
}

// The group of pairs[0..count); rows and columns are those of the longest.
template <class T, class V> DtwRows<T, V> rows_of(const DtwArgs<T>& a, const int64_t* pairs, int64_t count) {
  DtwRows<T, V> rows;
  auto& g = rows.group;
  g.args = &a;
  for (int lane = 0; lane < lanes<V>::width; ++lane) {
    if (lane < count) g.pair[lane] = pair_of(a, pairs[lane]);
    else g.pair[lane] = g.pair[0], g.pair[lane].n = 0;
    if (g.pair[lane].n == 0 || g.pair[lane].m == 0) g.pair[lane].n = g.pair[lane].m = 0;
    g.band[lane] = band_of(a.window, g.pair[lane].n, g.pair[lane].m);
    g.rows = g.pair[lane].n > g.rows ? g.pair[lane].n : g.rows;
    g.columns = g.pair[lane].m > g.columns ? g.pair[lane].m : g.columns;
  }
  rows.measure(a);
  g.whole_x = g.rows * a.dims <= kWholeSamples;
  return rows;
}

// Which lanes reach their ends when every finite cost counts as nothing: an infinite sum is then one that overflowed.
template <class T, class V> void reaches_end(DtwRows<T, V> rows, bool* reached) {
  DtwEnds<T, V> ends;
  rows.group.blank = true;
  rows.begin();
  for (int64_t i = 0; i < rows.group.rows; ++i) rows.advance(i, nullptr), ends.read(rows, i, false);
  for (int lane = 0; lane < lanes<V>::width; ++lane) reached[lane] = ends.value[lane] <= limits<T>::largest;
}

template <class T> void finish(const DtwArgs<T>& a, int64_t at, int32_t status, T value, DtwWalk walk) {
  const DtwPair p = pair_of(a, at);
  if (wants_path(a)) {
    const int64_t length = status == kOk ? walk.length : 0;
    write_path(a, p, walk.cells, length);
    if (a.rewards) write_rewards(a, p, status, walk.cells, length);
  }
  write_distance(a, p, status, value, walk.length);
  if (a.curve && status != kOk && status != kInfeasible)
    for (int64_t j = 0; j < a.columns; ++j) a.curve[p.at * a.columns + j] = quiet_nan<T>();
}

template <class T, class V> void run_group(DtwRows<T, V> rows, const int64_t* pairs, int64_t count) {
  constexpr int W = lanes<V>::width;
  const DtwArgs<T>& a = *rows.group.args;
  DtwEnds<T, V> ends;
  DtwWalk walks[W];
  place(rows);
  rows.begin();
  const bool paths = wants_path(a);
  const HeapBlock own_cells(paths && !a.path ? count * 2 * a.path_capacity * int64_t(sizeof(int32_t)) : 0);
  for (int lane = 0; lane < count && paths; ++lane)
    walks[lane].cells = a.path ? a.path + pairs[lane] * 2 * a.path_capacity
                               : static_cast<int32_t*>(own_cells.data) + lane * 2 * a.path_capacity;
  if (!paths) {
    for (int64_t i = 0; i < rows.group.rows; ++i) rows.advance(i, nullptr), ends.read(rows, i, a.curve != nullptr);
  } else if constexpr (W == 1) {
    DtwRowUnits<T> units(rows, ends);
    if (units.units) trace_units(units, walks[0], 0, units.units, a.direction_bytes);
  } else {
    trace_lanes(rows, ends, walks);
  }
  bool reached[W] = {}, asked = false;
  for (int lane = 0; lane < count; ++lane) {
    int32_t status = status_of(pair_of(a, pairs[lane]), ends.value[lane], rows.group.bad[lane]);
    if (status == kInfeasible && !asked) reaches_end(rows, reached), asked = true;
    if (status == kInfeasible && reached[lane]) status = kNonFinite;
    finish(a, pairs[lane], status, ends.value[lane], walks[lane]);
  }
}

// Whether the pairs fit side by side: enough of them, and not too much memory.
template <class T, class V> bool fits_lanes(const DtwArgs<T>& a, const DtwRows<T, V>& rows, int64_t count) {
  if (count < 2 || a.metric == Metric::user) return false;
  if (scratch_elements(rows) > kGroupBytes / int64_t(sizeof(T))) return false;
  if (!wants_path(a)) return true;
  const int64_t row_bytes = direction_row_bytes(rows.group.columns, rows.planes, lanes<V>::width);
  return rows.group.rows <= a.direction_bytes / (row_bytes ? row_bytes : 1);
}

template <class T> DtwLong<T> long_of(const DtwArgs<T>& a, int64_t at, T* memory, int64_t* done) {
  DtwLong<T> pair;
  pair.args = &a, pair.pair = pair_of(a, at), pair.done = done;
  pair.place(memory);
  return pair;
}

// Finishes pairs that need no rows: an empty sequence, a sample that is not finite.
template <class T> bool long_begin(const DtwArgs<T>& a, int64_t at, T* memory) {
  DtwLong<T> pair = long_of(a, at, memory, static_cast<int64_t*>(nullptr));
  const bool finite = pair.prepare();
  if (finite && pair.pair.n > 0 && pair.pair.m > 0) return true;
  DtwWalk walk;
  if (a.path) walk.cells = a.path + at * 2 * a.path_capacity;
  finish(a, at, status_of(pair.pair, T(0), !finite), T(0), walk);
  return false;
}

// The paths of the pattern always reach the end: an infinite sum has overflowed.
template <class T> void finish_long(const DtwArgs<T>& a, const DtwPair& p, const DtwEnds<T, T>& ends, DtwWalk walk) {
  const int32_t status = status_of(p, ends.value[0], false);
  finish(a, p.at, status == kInfeasible ? int32_t(kNonFinite) : status, ends.value[0], walk);
}

template <class T> void run_long(const DtwArgs<T>& a, int64_t at) {
  const DtwPair p = pair_of(a, at);
  T* memory = static_cast<T*>(thread_scratch(std::size_t(DtwLong<T>::elements(a, p)) * sizeof(T)));
  if (!long_begin(a, at, memory)) return;
  DtwLong<T> pair = long_of(a, at, memory, static_cast<int64_t*>(nullptr));
  DtwEnds<T, T> ends;
  DtwWalk walk;
  const bool paths = wants_path(a);
  const HeapBlock own_cells(paths && !a.path ? 2 * a.path_capacity * int64_t(sizeof(int32_t)) : 0);
  if (paths) {
    walk.cells = a.path ? a.path + at * 2 * a.path_capacity : static_cast<int32_t*>(own_cells.data);
    DtwLongUnits<T> units(pair, ends);
    trace_units(units, walk, 0, units.units, a.direction_bytes);
  } else {
    for (int64_t block = 0; block < pair.blocks(); ++block) pair.advance(block, nullptr);
    pair.read_end(ends);
  }
  finish_long(a, p, ends, walk);
}

template <class T> void run(const DtwArgs<T>& a, const int64_t* pairs, int64_t count) {
  using V = NativePack<T>;
  const bool fast = dtw_lanes_take(a);
  const HeapBlock rest(fast ? count * int64_t(sizeof(int64_t)) : 0);
  if (fast) {
    const int64_t most_rows = dtw_long_takes(a) ? kLongRows - 1 : a.rows;
    count = dtw_lanes(a, pairs, count, kFewPairs, most_rows, static_cast<int64_t*>(rest.data));
    pairs = static_cast<const int64_t*>(rest.data);
  }
  for (int64_t first = 0; first < count; first += lanes<V>::width) {
    const int64_t together = count - first < lanes<V>::width ? count - first : lanes<V>::width;
    const DtwRows<T, V> rows = rows_of<T, V>(a, pairs + first, together);
    const bool fits = fits_lanes(a, rows, together);
    const bool alone = dtw_long_takes(a) && (!fits || (together <= kFewPairs && rows.group.rows >= kLongRows));
    if (fits && !alone) {
      run_group(rows, pairs + first, together);
      continue;
    }
    for (int64_t k = first; k < first + together; ++k) {
      if (alone) run_long(a, pairs[k]);
      else run_group(rows_of<T, T>(a, pairs + k, 1), pairs + k, 1);
    }
  }
}

}  // namespace

void dtw(const DtwArgs<float>& a, const int64_t* pairs, int64_t count) { run(a, pairs, count); }
void dtw(const DtwArgs<double>& a, const int64_t* pairs, int64_t count) { run(a, pairs, count); }

#define KT_DTW_LONG(T)                                                                                           \
  int64_t dtw_long_elements(const DtwArgs<T>& a, int64_t at) { return DtwLong<T>::elements(a, pair_of(a, at)); } \
  int64_t dtw_long_blocks(const DtwArgs<T>& a, int64_t at) {                                                     \
    return (pair_of(a, at).n + DtwLong<T>::R - 1) / DtwLong<T>::R;                                               \
  }                                                                                                              \
  bool dtw_long_begin(const DtwArgs<T>& a, int64_t at, T* memory) { return long_begin(a, at, memory); }          \
  void dtw_long_block(const DtwArgs<T>& a, int64_t at, T* memory, int64_t* done, int64_t block) {                \
    long_of(a, at, memory, done).advance(block, nullptr);                                                        \
  }                                                                                                              \
  void dtw_long_end(const DtwArgs<T>& a, int64_t at, T* memory) {                                                \
    DtwEnds<T, T> ends;                                                                                          \
    const DtwLong<T> pair = long_of(a, at, memory, static_cast<int64_t*>(nullptr));                              \
    pair.read_end(ends);                                                                                         \
    finish_long(a, pair.pair, ends, DtwWalk());                                                                  \
  }
KT_DTW_LONG(float)
KT_DTW_LONG(double)

}  // namespace KT_ABI
}  // namespace kinetrace
