// dtw on one instruction set: any pattern, window, metric and free end; one pair per lane, or one at a time.
#include "dtw.hpp"

#include "../thread_pool.hpp"
#include "dtw_trace.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Above this much memory for the rows of a group its pairs are computed one at a time.
constexpr int64_t kGroupBytes = int64_t(16) << 20;

// Hands out the scratch memory of the thread.
template <class T> struct Carver {
  T* next;
  KT_HD T* take(int64_t elements) {
    T* here = next;
    next += (elements + 15) / 16 * 16;
    return here;
  }
};

template <class T, class V> int64_t scratch_elements(const DtwRows<T, V>& rows) {
  const auto& g = rows.group;
  constexpr int64_t W = lanes<V>::width;
  const int64_t samples = g.args->metric == Metric::given ? 0 : (g.columns + 1) * g.args->dims + g.columns;
  return rows.ring_elements() + (samples + g.columns) * W + 5 * 16;
}

template <class T, class V> void place(DtwRows<T, V>& rows) {
  auto& g = rows.group;
  constexpr int64_t W = lanes<V>::width;
  Carver<T> carver{static_cast<T*>(thread_scratch(std::size_t(scratch_elements(rows)) * sizeof(T)))};
  rows.ring = carver.take(rows.ring_elements());
  g.cost = carver.take(g.columns * W);
  if (g.args->metric == Metric::given) return;
  g.x = carver.take(g.args->dims * W);
  g.y = carver.take(g.columns * g.args->dims * W);
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
  if (walk.cells) {
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
    if (rows.group.rows) trace_rows(rows, ends, walks[0], 0, rows.group.rows, a.direction_bytes);
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

template <class T> void run(const DtwArgs<T>& a, const int64_t* pairs, int64_t count) {
  using V = NativePack<T>;
  // FAST KERNEL: a specialised kernel may take the whole list here and return. It must give the bits of dtw/recurrence.hpp and
  // alignment/local_cost.hpp, and end each pair with finish() (values, paths) after the checks of run_group.
  for (int64_t first = 0; first < count; first += lanes<V>::width) {
    const int64_t together = count - first < lanes<V>::width ? count - first : lanes<V>::width;
    const DtwRows<T, V> rows = rows_of<T, V>(a, pairs + first, together);
    if (fits_lanes(a, rows, together)) run_group(rows, pairs + first, together);
    else
      for (int64_t k = first; k < first + together; ++k) run_group(rows_of<T, T>(a, pairs + k, 1), pairs + k, 1);
  }
}

}  // namespace

void dtw(const DtwArgs<float>& a, const int64_t* pairs, int64_t count) { run(a, pairs, count); }
void dtw(const DtwArgs<double>& a, const int64_t* pairs, int64_t count) { run(a, pairs, count); }

}  // namespace KT_ABI
}  // namespace kinetrace
