// chain_flow on one instruction set: frames outside, points inside, so that a flow field is used while it is in cache.
// The maths is scalar: a step is eight loads from unrelated places, and waiting for them is all the time it takes.
#include "chain_flow.hpp"

#include <kinetrace/chain_flow/step.hpp>

namespace kinetrace {
namespace KT_ABI {
namespace {

// How many points ahead the lines are fetched. Into the second cache: its queue of misses is longer than the first one's,
// which is worth a factor of two to three here. All four pixels, since a missing line stalls everything behind it.
constexpr int64_t kAhead = 48;
constexpr int kSecondCache = 2;

template <class T> KT_HD void prefetch(const FlowField<T>& f, T x, T y) {
  if (!inside_image(f.grid, x, y)) return;
  const Corners<T> c = corners_of(f.grid, x, y);
  const int64_t at[4] = {c.at, c.at + c.right, c.at + c.down, c.at + c.down + c.right};
#pragma GCC unroll 4
  for (const int64_t i : at) __builtin_prefetch(f.u + i, 0, kSecondCache), __builtin_prefetch(f.v + i, 0, kSecondCache);
}

template <class T> KT_HD void put(T* position, uint8_t* visible, T* cycle_error, const ChainPoint<T>& s) {
  position[0] = s.x, position[1] = s.y;
  *visible = s.visible;
  if (cycle_error) *cycle_error = s.cycle_error;
}

// The points [begin, end) at one frame, from the row of the frame before.
template <class T, bool kBack> void advance_row(const ChainFlowArgs<T>& a, int64_t problem, int64_t frame, int64_t begin, int64_t end) {
  const bool own_start = a.start32.data || a.start64.data;
  const int64_t row = (problem * (a.steps + 1) + frame) * a.points;
  const FlowField<T> flow = flow_at(a, a.flow, problem, frame - 1);
  const FlowField<T> back = kBack ? flow_at(a, a.backward_flow, problem, frame - 1) : flow;
  const T* before = a.positions + 2 * (row - a.points);
  const uint8_t* followed = a.visible + (row - a.points);
  T* now = a.positions + 2 * row;
  for (int64_t n = begin; n < end; ++n) {
    if (n + kAhead < end) {
      const T x = before[2 * (n + kAhead)], y = before[2 * (n + kAhead) + 1];
      prefetch(flow, x, y);
      if (kBack) prefetch(back, x, y);  // the point moves little
    }
    ChainPoint<T> s;
    if (own_start && start_of(a, problem, n) == frame) {
      s = begin_point(a, flow.grid, problem, n);
    } else if (followed[n]) {
      const ChainPoint<T> from{before[2 * n], before[2 * n + 1], T(0), true};
      s = follow(from, flow);
      if (kBack) check_cycle(a, from, back, s);
    } else {
      s = absent<T>();
    }
    put(now + 2 * n, a.visible + row + n, kBack ? a.cycle_error + row + n : nullptr, s);
  }
}

template <class T, bool kBack> void run(const ChainFlowArgs<T>& a, int64_t problem, int64_t begin, int64_t end) {
  const bool own_start = a.start32.data || a.start64.data;
  const int64_t first = own_start ? 0 : a.start;
  Grid grid;
  grid.last_x = int32_t(a.width - 1), grid.last_y = int32_t(a.height - 1);
  for (int64_t frame = 0; frame <= first; ++frame) {
    const int64_t row = (problem * (a.steps + 1) + frame) * a.points;
    for (int64_t n = begin; n < end; ++n)
      put(a.positions + 2 * (row + n), a.visible + row + n, kBack ? a.cycle_error + row + n : nullptr,
          start_of(a, problem, n) == frame ? begin_point(a, grid, problem, n) : absent<T>());
  }
  for (int64_t frame = first + 1; frame <= a.steps; ++frame) advance_row<T, kBack>(a, problem, frame, begin, end);
}

template <class T> void select_back(const ChainFlowArgs<T>& a, int64_t problem, int64_t begin, int64_t end) {
  if (a.backward_flow.data) run<T, true>(a, problem, begin, end);
  else run<T, false>(a, problem, begin, end);
}

}  // namespace

void chain_flow(const ChainFlowArgs<float>& a, int64_t problem, int64_t begin, int64_t end) { select_back(a, problem, begin, end); }
void chain_flow(const ChainFlowArgs<double>& a, int64_t problem, int64_t begin, int64_t end) { select_back(a, problem, begin, end); }

}  // namespace KT_ABI
}  // namespace kinetrace
