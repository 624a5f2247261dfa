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

// One frame of one chunk of points, from the rows of the frame before.
template <class T> struct Rows {
  const ChainFlowArgs<T>& a;
  int64_t problem, frame, end;
  bool own_start;
  FlowField<T> flow, back;
  const T* before;          // (N, 2) positions of the frame before
  const uint8_t* followed;  // (N)
  T* now;
  uint8_t* visible;
  T* cycle_error;

  Rows(const ChainFlowArgs<T>& args, int64_t problem_, int64_t frame_, int64_t end_)
      : a(args), problem(problem_), frame(frame_), end(end_), own_start(args.start32.data || args.start64.data) {
    const int64_t row = (problem * (a.steps + 1) + frame) * a.points;
    flow = flow_at(a, a.flow, problem, frame - 1);
    if (a.backward_flow.data) back = flow_at(a, a.backward_flow, problem, frame - 1);
    before = a.positions + 2 * (row - a.points), followed = a.visible + (row - a.points);
    now = a.positions + 2 * row, visible = a.visible + row, cycle_error = a.cycle_error ? a.cycle_error + row : nullptr;
  }

  template <bool kBack> KT_HD void move(int64_t n) const {
    const int64_t ahead = n + kAhead;
    if (ahead < end) prefetch(flow, before[2 * ahead], before[2 * ahead + 1]);
    ChainPoint<T> s = absent<T>();
    if (own_start && start_of(a, problem, n) == frame) {
      s = begin_point(a, flow.grid, problem, n);
    } else if (followed[n]) {
      s = follow({before[2 * n], before[2 * n + 1], T(0), true}, flow);
      if (kBack) prefetch(back, s.x, s.y);
    }
    put(now + 2 * n, visible + n, kBack ? cycle_error + n : nullptr, s);
  }

  KT_HD void check(int64_t n) const {
    if (!followed[n]) return;
    ChainPoint<T> s{now[2 * n], now[2 * n + 1], cycle_error[n], visible[n] != 0};
    check_cycle(a, {before[2 * n], before[2 * n + 1], T(0), true}, back, s);
    visible[n] = s.visible, cycle_error[n] = s.cycle_error;
  }
};

template <class T, bool kBack> void advance_row(const ChainFlowArgs<T>& a, int64_t problem, int64_t frame,
                                                int64_t begin, int64_t end) {
  const Rows<T> rows(a, problem, frame, end);
  if (!kBack) {
    for (int64_t n = begin; n < end; ++n) rows.template move<false>(n);
    return;
  }
  // Where the way back starts is known only after the move: the check follows once its lines have come.
  for (int64_t n = begin; n < end + kAhead; ++n) {
    if (n < end) rows.template move<true>(n);
    if (n - kAhead >= begin) rows.check(n - kAhead);
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

void chain_flow(const ChainFlowArgs<float>& a, int64_t problem, int64_t begin, int64_t end) {
  select_back(a, problem, begin, end);
}
void chain_flow(const ChainFlowArgs<double>& a, int64_t problem, int64_t begin, int64_t end) {
  select_back(a, problem, begin, end);
}

}  // namespace KT_ABI
}  // namespace kinetrace
