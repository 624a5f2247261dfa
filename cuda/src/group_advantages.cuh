// What the launches of group_advantages hand to each other: one cell of counters per group and column, one for the batch.
//
// All counters are integers and all extremes are bit patterns, so that atomics give the same in whatever order they come.
#pragma once
#include "launch.cuh"

#include <kinetrace/group_advantages/batch.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

using Word = unsigned long long;

struct Cell {
  Word rows, count, nonzero, tokens, longest, low, high, second, at_top;
  Word sum[2], squares[2];  // two's complement: the multiples of ExactSum's two units
};
constexpr int64_t kCellWords = int64_t(sizeof(Cell) / sizeof(Word));

// Patterns that order like the doubles.
__device__ inline Word pattern_of(double x) {
  Word u;
  memcpy(&u, &x, sizeof u);
  return u >> 63 ? ~u : u | Word(1) << 63;
}
__device__ inline double from_pattern(Word u) {
  u = u >> 63 ? u ^ Word(1) << 63 : ~u;
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

__device__ inline void clear(Cell& c) {
  c.rows = c.count = c.nonzero = c.tokens = c.longest = c.at_top = 0;
  c.low = pattern_of(infinity<double>()), c.high = c.second = pattern_of(-infinity<double>());
  c.sum[0] = c.sum[1] = c.squares[0] = c.squares[1] = 0;
}

// NaN: a row without an available value.
__device__ inline void add_extremes(Cell& c, double x, double length) {
  atomicAdd(&c.rows, Word(1));
  if (!(x == x)) return;
  atomicAdd(&c.count, Word(1));
  if (x != 0) atomicAdd(&c.nonzero, Word(1));
  atomicMin(&c.low, pattern_of(x)), atomicMax(&c.high, pattern_of(x));
  atomicAdd(&c.tokens, Word(length)), atomicMax(&c.longest, Word(length));
}
__device__ inline void add_exact(Word* sum, const ExactSum<double>& units, double x) {
  const double high = units.high_part(x), low = units.low_part(x - high);
  atomicAdd(&sum[0], Word((long long)(high / (units.high_unit * 0x1p-53))));
  atomicAdd(&sum[1], Word((long long)(low / (units.low_unit * 0x1p-53))));
}
__device__ inline double total_of(const Word* sum, ExactSum<double> units) {
  units.high = double((long long)sum[0]) * (units.high_unit * 0x1p-53);
  units.low = double((long long)sum[1]) * (units.low_unit * 0x1p-53);
  return units.total();
}

__device__ inline Extremes<double> extremes_of(const Cell& c) {
  Extremes<double> e;
  e.count = double(c.count), e.low = from_pattern(c.low), e.high = from_pattern(c.high);
  e.tokens = double(c.tokens), e.longest = double(c.longest);
  return e;
}
template <class T> __device__ ExactSum<double> group_sum(const GroupAdvantagesArgs<T>& a, const Extremes<double>& e) {
  return {a.mode == AdvantageMode::opo ? e.bound() * e.longest : e.bound(), e.count};
}

// What is known after the launch that fills `sum`, and after the one that fills `squares`.
template <class T>
__device__ GroupStatistics<double> statistics_of(const GroupAdvantagesArgs<T>& a, const Cell& c, bool squares) {
  GroupStatistics<double> s;
  const Extremes<double> e = extremes_of(c);
  s.rows = double(c.rows);
  set_mean(a, e, total_of(c.sum, group_sum(a, e)), s);
  if (squares && needs_squares(a))
    set_deviation(a, total_of(c.squares, ExactSum<double>(e.square_bound(), e.count)), s);
  if (a.mode == AdvantageMode::passk) s.second = c.at_top > 1 ? s.high : from_pattern(c.second);
  return s;
}

// `steps`: 0 after the extremes, 1 after the sum, 2 after the squares.
template <class T> __device__ BatchStatistics batch_of(const GroupAdvantagesArgs<T>& a, const Cell& c, int steps) {
  BatchStatistics s;
  s.rows = double(c.rows), s.count = double(c.count), s.nonzero = double(c.nonzero), s.tokens = double(c.tokens);
  s.low = from_pattern(c.low), s.high = from_pattern(c.high), s.longest = double(c.longest);
  const bool plain = a.mode == AdvantageMode::gpg;
  if (steps > 0 && !plain) s.mean = batch_mean(a, s, total_of(c.sum, ExactSum<double>(first_bound(a, s), s.count)));
  if (steps > 1) s.divisor = batch_divisor(a, s, total_of(c.squares, ExactSum<double>(second_bound(a, s), s.count)));
  return s;
}

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace
