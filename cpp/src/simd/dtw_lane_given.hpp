// dtw on one instruction set: blocks of costs for a group of lanes, straight from the caller's matrices.
//
// Rows of all lanes are transposed where they lie. What a shorter pair lacks at its start is filled in, block by block: between
// filled samples a step costs nothing, between one that is filled and one that is not everything; but nothing in the rows
// before a path with a free start.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_lane_finish.hpp"
#include "dtw_lane_square.hpp"

KT_MATHS_BEGIN

// Which lanes have costs that are NaN or -inf, or any with a sign: found in sums, since a comparison of each cost would take as
// long as its transposition. A sum that overflows says so of a lane that has none: the general kernel then sees to it.
template <class T, int W> struct CostCheck {
  using V = Pack<T, W>;
  using I = typename Mask<T, W>::Vector;
  I bits{};
  V sum{T(0)};

  template <int N> static KT_HD V sum_of(const V* r) {
    if constexpr (N == 1) return r[0];
    else return sum_of<N / 2>(r) + sum_of<N / 2>(r + N / 2);
  }
  template <int N> KT_HD void add(const V* r) {
    unroll<N>([&](auto k) KT_INLINE { bits |= (I)r[k].v; });
    sum += sum_of<N>(r);
  }
  KT_HD LaneBits<W> good(bool no_signs) const {
    const LaneBits<W> plain = lanes_not_above(V(-limits<T>::largest), sum);
    return no_signs ? plain & lanes_not_above(V(T(0)), select(Mask<T, W>(bits < I{}), V(T(-1)), V(T(0)))) : plain;
  }
};

// Lines of memory that are wanted soon. What is asked for faster than memory gives it is forgotten, so every part of the work on
// one block fetches some of the next, one here and one there.
struct LinesAhead {
  const void** next;

  template <int N> KT_HD void fetch() {
    unroll<N>([&](auto k) KT_INLINE { __builtin_prefetch(next[k], 0, 2); });
    next += N;
  }
};

// Costs in memory, and in every column some lines to fetch.
template <class V, int R, int kLines> struct CostRowsAhead {
  using T = scalar_of<V>;
  const T* cost;  // [row][column][lane]
  int64_t stride;
  const void* const* ahead;
  KT_HD V add(V best, int r, int64_t j) const {
    if (r % (R / kLines) == 1) __builtin_prefetch(ahead[j * kLines + r / (R / kLines)], 0, 2);
    return best + load<V>(cost + r * stride + j * lanes<V>::width);
  }
};

template <class T, int W> struct GivenCosts {
  static constexpr int R = kBlockRows, C = kQuarter<T>, Q = W / C;
  static constexpr int64_t kStripe = 128;
  static constexpr int64_t kLine = 64 / int64_t(sizeof(T));
  // Lines to fetch: for every W vectors while C lanes at a time are transposed, and while they are joined; in every column of the
  // recurrence. Together those of a block.
  static constexpr int kFirst = W / 2, kSecond = W / 4, kColumn = 2;
  using V = Pack<T, W>;
  using Rows = CostRowsAhead<V, R, kColumn>;
  const LaneGroup<T, W>* group;
  const GroupTable<T, W>* table;
  bool failed[W] = {};
  T* half;  // rows of a block, of C lanes transposed
  T *block, *copies;  // [row][column][lane]; [lane][row][column] of lanes that are filled somewhere in the block
  const void** lines;

  KT_HD GivenCosts(const LaneGroup<T, W>& g, const GroupTable<T, W>& t, Arena& arena) : group(&g), table(&t) {
    const int64_t most = t.columns < 2 * t.stripe ? t.columns : 2 * t.stripe;
    half = arena.take<T>(most * W);
    block = arena.take<T>(R * (most + 1) * W);
    copies = arena.take<T>(W * R * most);
    lines = arena.take<const void*>(lines_of(most) + lines_asked(most) + 8);
  }
  KT_HD static int64_t lines_of(int64_t width) { return R * W * ((width + kLine - 1) / kLine); }
  // How many are asked for, which may be more or less.
  KT_HD static int64_t lines_asked(int64_t width) { return R * (width / W) * (kFirst + kSecond) + width * kColumn; }

  // Where a pair's own row i, or the row that would be there, has its column j.
  KT_HD const T* at(const DtwPair& p, int64_t i, int64_t j) const {
    const auto& cost = group->args->cost;
    return cost.data + p.at * cost.stride[0] + i * cost.stride[1] + j;
  }

  // Costs of rows i .. i + R - 1, columns j .. end - 1 of a pair of which not all are its own, into out [row][column].
  __attribute__((noinline)) void fill(int lane, int64_t i, int64_t j, int64_t end, T* out) const {
    const DtwPair& p = group->pair[lane];
    const bool wanted = group->good[lane];
    const int64_t row_start = wanted ? group->rows - p.n : group->rows, column_start = group->columns - p.m;
    const int64_t width = end - j, filled = column_start <= j ? 0 : column_start < end ? column_start - j : width;
    const T beside = group->args->free_start ? T(0) : infinity<T>();
    for (int64_t r = i; r < i + R; ++r, out += width) {
      const bool own = r >= row_start;
      const T* from = own ? at(p, r - row_start, j + filled - column_start) : nullptr;
      for (int64_t c = 0; c < filled; ++c) out[c] = own ? infinity<T>() : T(0);
      for (int64_t c = filled; c < width; ++c) out[c] = own ? from[c - filled] : beside;
    }
  }

  // The lines of `width` columns of R rows from first[lane] on; where more are asked for, the last row again.
  KT_HD LinesAhead lines_ahead(const T* const* first, int64_t step, int64_t width) const {
    const int64_t count = (width + kLine - 1) / kLine;
    const void** to = lines;
    for (int r = 0; r < R; ++r)
      for (int l = 0; l < W; ++l, to += count) {
        const T* row = first[l] + r * step;
        for (int64_t x = 0; x < count; x += 8)  // eight at a time, the next row overwrites what is too much
          for (int k = 0; k < 8; ++k) to[x + k] = row + (x + k) * kLine;
      }
    for (const void** const asked = lines + lines_asked(width); to < asked; ++to) *to = first[W - 1] + (R - 1) * step;
    return {lines};
  }

  // Columns [0, width), at least C, of one row of every lane, to out [column][lane].
  KT_HD void transpose(const T* const* row, int64_t width, T* out, CostCheck<T, W>& check, LinesAhead& ahead) const {
    const int64_t squares = Q > 1 ? width / W : 0;
    // C lanes at a time: rows whose distance is a power of two would drive each other out of the first cache.
    for (int q = 0; squares && q < Q; ++q) {
      const T* p[C];
      unroll<C>([&](auto k) KT_INLINE { p[k] = row[q * C + k]; });
      T* to = half + q * W * C;
      for (int64_t j = 0; j < squares * W; j += W, to += W * W) {
        V r[C];
        unroll<C>([&](auto k) KT_INLINE {
          r[k] = load<V>(p[k] + j);
          keep_apart(r[k]);  // g++ would otherwise read it twice, which takes longer than keeping it
        });
        ahead.template fetch<kFirst / Q>();
        transpose_quarters<T, W>(r);
        unroll<C>([&](auto k) KT_INLINE { store(to + k * W, r[k]); });
      }
    }
    for (int64_t s = 0; s < squares; ++s, out += W * W) {
      unroll<C>([&](auto k) KT_INLINE {
        constexpr int before = k * kSecond / C, after = (k + 1) * kSecond / C;
        ahead.template fetch<after - before>();
        V r[Q];
        unroll<Q>([&](auto q) KT_INLINE { r[q] = load<V>(half + (s * W + q * C + k) * W); });
        transpose_of_quarters<T, W>(r);
        unroll<Q>([&](auto h) KT_INLINE { store(out + (h * C + k) * W, r[h]); });
        check.template add<Q>(r);
      });
    }
    for (int64_t j = squares * W; j < width; j += C) {
      V r[C];
      const int64_t from = j + C > width ? width - C : j;
      unroll<C>([&](auto k) KT_INLINE { r[k] = load_quarters<T, W>(row, k, from); });
      transpose_quarters<T, W>(r);
      unroll<C>([&](auto k) KT_INLINE { store(out + (from - squares * W + k) * W, r[k]); });
      check.template add<C>(r);
    }
  }

  // Costs of rows i .. i + R - 1, columns j .. end - 1, which are a stripe.
  __attribute__((noinline)) Rows rows(int64_t i, int64_t j, int64_t end) {
    const int64_t width = end - j, own_step = group->args->cost.stride[1], stride = (width + 1) * W;
    const bool below = i + R < group->rows, beside = end < group->columns;
    const T *row[W], *next[W];
    int64_t step[W];
    for (int l = 0; l < W; ++l) {
      const DtwPair& p = group->pair[l];
      const int64_t row_start = group->rows - p.n, column_start = group->columns - p.m;
      row[l] = at(p, i - row_start, j - column_start), step[l] = own_step;
      next[l] = below ? row[l] + R * own_step : beside ? at(p, 0, end - column_start) : at(group->pair[W + l], 0, 0);
      if (group->good[l] && i >= row_start && j >= column_start) continue;
      row[l] = copies + l * R * width, step[l] = width;
      fill(l, i, j, end, copies + l * R * width);
    }
    LinesAhead ahead = lines_ahead(next, own_step, width);
    CostCheck<T, W> check;
    for (int r = 0; r < R; ++r) {
      transpose(row, width, block + r * stride, check, ahead);
      for (int l = 0; l < W; ++l) row[l] += step[l];
    }
    const LaneBits<W> good = check.good(group->args->free_start);
    for (int l = 0; l < W; ++l) failed[l] = failed[l] || !((good >> l) & 1);
    return {block, stride, ahead.next};
  }
};

KT_MATHS_END
