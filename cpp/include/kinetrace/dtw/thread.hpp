// dtw: one pair from its first cell to its result, for a schedule that gives every thread a pair of its own. Rows and directions
// lie interleaved with those of the other threads: element e of thread t at e * threads + t.
#pragma once
#include "pair.hpp"
#include "recurrence.hpp"

KT_MATHS_BEGIN

// Directions: kPlanes rounded up to a power of two, so that a 32-bit word holds whole numbers.
KT_HD int direction_bits(int steps) { return steps <= 2 ? 1 : steps <= 4 ? 2 : 4; }
KT_HD int64_t direction_words(int64_t columns, int bits) { return (columns * bits + 31) / 32; }

// What one thread needs, in elements and words.
template <class T> struct DtwSpace {
  int64_t ring, directions;
};
template <class T> KT_HD DtwSpace<T> space_of(const DtwArgs<T>& a) {
  DtwSpace<T> space;
  space.ring = (a.steps.max_di + 1) * (a.steps.max_dj + a.columns);
  space.directions = wants_path(a) ? a.rows * direction_words(a.columns, direction_bits(a.steps.count)) : 0;
  return space;
}

template <class T> struct DtwThread {
  const DtwArgs<T>& a;
  T* ring;
  uint32_t* directions;  // nullptr: none
  int64_t threads;
  DtwPair p;
  Band band;
  bool square, blank, bad;
  int64_t row_length;
  int ring_rows, bits;

  KT_HD DtwThread(const DtwArgs<T>& args, T* ring_, uint32_t* directions_, int64_t threads_, int64_t at)
      : a(args),
        ring(ring_),
        directions(directions_),
        threads(threads_),
        p(pair_of(args, at)),
        band(band_of(args.window, p.n, p.m)),
        square(args.metric == Metric::sqeuclidean && args.dims == 1),
        blank(false),
        bad(false),
        row_length(args.steps.max_dj + args.columns),
        ring_rows(args.steps.max_di + 1),
        bits(direction_bits(args.steps.count)) {}

  // Cell (i, j) of the rows kept; i >= -max_di, j >= -max_dj.
  KT_HD T& value(int64_t i, int64_t j) const {
    const int64_t slot = int64_t(uint32_t(i + ring_rows) % uint32_t(ring_rows));
    return ring[(slot * row_length + j + a.steps.max_dj) * threads];
  }

  KT_HD T cost(int64_t i, int64_t j) {
    T c = T(0);
    if (a.metric == Metric::given || !blank) {
      if (square)
        c = a.x.data[p.x_at * a.x.stride[0] + i * a.x.stride[1]] - a.y.data[p.y_at * a.y.stride[0] + j * a.y.stride[1]];
      else c = cell_cost(a, p, i, j);
      if (costs_need_checks(a.metric) && !(c >= -limits<T>::largest)) bad = true;
    }
    if (blank) c = c < infinity<T>() ? T(0) : infinity<T>();
    return c;
  }

  KT_HD bool samples_are_finite(const Strided<const T, 3>& s, int64_t at, int64_t count) const {
    bool finite = true;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t d = 0; d < a.dims; ++d)
        finite = finite & is_finite(s.data[at * s.stride[0] + i * s.stride[1] + d * s.stride[2]]);
    return finite;
  }

  template <bool kSquare, bool kChoice> KT_HD void row(int64_t i) {
    const int64_t low = first_column(band, i), high = last_column(band, i);
    const int64_t ahead = i + a.steps.max_di < p.n ? i + a.steps.max_di : p.n - 1, far = last_column(band, ahead);
    for (int64_t j = low - a.steps.max_dj; j < low; ++j) value(i, j) = infinity<T>();
    for (int64_t j = high + 1; j <= far; ++j) value(i, j) = infinity<T>();
    Choice<T> choice;
    uint32_t word = 0;
    for (int64_t j = low; j <= high; ++j) {
      const T c = cost(i, j);
      T v;
      if (i == 0 && (a.free_start || j == 0)) {
        v = kSquare ? add_square(T(0), T(1), c) : c;
      } else {
        const auto before = [&](int k) { return value(i - a.steps.di[k], j - a.steps.dj[k]); };
        v = enter_cell<kSquare, kChoice, T>(a.steps, a.weights, before, c, 0, choice);
      }
      value(i, j) = v;
      if (!kChoice) continue;
      const int shift = int(j * bits & 31);
      word |= uint32_t(choice.number) << shift;
      if (shift + bits < 32 && j < high) continue;
      directions[(i * direction_words(a.columns, bits) + (j * bits >> 5)) * threads] = word;
      word = 0;
    }
  }

  // All rows; the value and column in which the best path ends.
  KT_HD T rows(int64_t& end) {
    for (int64_t e = 0; e < ring_rows * row_length; ++e) ring[e * threads] = infinity<T>();
    for (int64_t i = 0; i < p.n; ++i) {
      const bool choice = directions && !blank;
      if (square) choice ? row<true, true>(i) : row<true, false>(i);
      else choice ? row<false, true>(i) : row<false, false>(i);
    }
    const int64_t low = first_column(band, p.n - 1), high = last_column(band, p.n - 1);
    end = p.m - 1;
    if (a.free_end)
      for (int64_t j = end = low; j <= high; ++j)
        if (value(p.n - 1, j) < value(p.n - 1, end)) end = j;
    if (a.curve && !blank)
      for (int64_t j = 0; j < a.columns; ++j) {
        const T v = j >= low && j <= high ? value(p.n - 1, j) : infinity<T>();
        a.curve[p.at * a.columns + j] = v <= limits<T>::largest ? normalized(a, p, v, 1) : v;
      }
    return value(p.n - 1, end);
  }

  KT_HD int64_t walk(int64_t end, int32_t* cells) const {
    int64_t i = p.n - 1, j = end, length = 0;
    for (;; ++length) {
      cells[2 * length] = int32_t(i), cells[2 * length + 1] = int32_t(j);
      if (i == 0 && (a.free_start || j == 0)) return length + 1;
      const uint32_t word = directions[(i * direction_words(a.columns, bits) + (j * bits >> 5)) * threads];
      const int k = int(word >> (j * bits & 31) & ((1u << bits) - 1));
      i -= a.steps.di[k], j -= a.steps.dj[k];
    }
  }

  // `cells` has room for the longest path, when one is wanted.
  KT_HD void solve(int32_t* cells) {
    int32_t status = kEmpty;
    T result = T(0);
    int64_t end = 0, length = 0;
    if (p.n > 0 && p.m > 0) {
      if (a.metric != Metric::given)
        bad = !samples_are_finite(a.x, p.x_at, p.n) || !samples_are_finite(a.y, p.y_at, p.m);
      result = rows(end);
      status = status_of(p, result, bad);
      if (status == kOk && directions) length = walk(end, cells);
      if (status == kInfeasible) {
        blank = true;
        int64_t other;
        if (rows(other) <= limits<T>::largest) status = kNonFinite;
      }
    }
    if (directions) {
      write_path(a, p, cells, length);
      if (a.rewards) write_rewards(a, p, status, cells, length);
    }
    write_distance(a, p, status, result, length);
    if (a.curve && status != kOk && status != kInfeasible)
      for (int64_t j = 0; j < a.columns; ++j) a.curve[p.at * a.columns + j] = quiet_nan<T>();
  }
};

KT_MATHS_END
