// group_advantages on CUDA: a thread per row, integer atomics into its group's counters. Not yet run on a GPU.
//
// A hash table finds the groups; which row comes to stand for a group depends on the race, what the group's counters hold
// in the end does not. Every launch reads what the one before has finished: nothing waits for the device.
#include "group_advantages.cuh"

#include <kinetrace/backends.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 256;
constexpr int kEmpty = -1;

// The workspace, cut up.
struct Tables {
  Cell* cells;  // (B, columns apart): those of a group's leader count
  Cell* batch;  // one
  int* owner;  // slots of the hash table: a row of the group that claimed it
  int* leader;  // (B): the row that stands for a row's group
  int64_t slots, columns;
};

template <class T> int64_t slots_for(const GroupAdvantagesArgs<T>& a) {
  int64_t slots = 16;
  while (slots < 2 * a.rows) slots *= 2;
  return slots;
}
template <class T> int64_t columns_for(const GroupAdvantagesArgs<T>& a) { return columns_apart(a) ? a.columns : 1; }

template <class T> int64_t workspace(const GroupAdvantagesArgs<T>& a) {
  return (a.rows * columns_for(a) + 1) * kCellWords + (slots_for(a) + a.rows + 1) / 2;
}

template <class T> Tables tables_of(const GroupAdvantagesArgs<T>& a) {
  Tables t;
  t.columns = columns_for(a), t.slots = slots_for(a);
  t.batch = reinterpret_cast<Cell*>(a.workspace);
  t.cells = t.batch + 1;
  t.owner = reinterpret_cast<int*>(t.cells + a.rows * t.columns);
  t.leader = t.owner + t.slots;
  return t;
}

__device__ int64_t thread_index() { return int64_t(blockIdx.x) * kThreads + threadIdx.x; }

__global__ void __launch_bounds__(kThreads) clear_tables(Tables t, int64_t cells) {
  const int64_t i = thread_index();
  if (i < t.slots) t.owner[i] = kEmpty;  // KT_MUTATE: bound
  if (i < cells) clear(t.cells[i]);  // KT_MUTATE: bound
  if (i == 0) clear(*t.batch);
}

template <class T> __device__ int64_t id_of(const GroupAdvantagesArgs<T>& a, int64_t i) {
  return a.groups32.data ? int64_t(a.groups32.data[i * a.groups32.stride[0]])
                         : a.groups64.data[i * a.groups64.stride[0]];
}

template <class T> __global__ void __launch_bounds__(kThreads) find_groups(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i >= a.rows) return;  // KT_MUTATE: i >= a.rows -> false
  const int64_t id = id_of(a, i);
  Word h = Word(id);
  h = (h ^ (h >> 32)) * 0x9E3779B97F4A7C15u;
  for (int64_t at = int64_t(h >> 20) & (t.slots - 1);; at = (at + 1) & (t.slots - 1)) {
    const int before = atomicCAS(&t.owner[at], kEmpty, int(i));
    if (before != kEmpty && id_of(a, before) != id) continue;
    t.leader[i] = before == kEmpty ? int(i) : before;
    return;
  }
}

template <class T> __device__ double length_of(const GroupAdvantagesArgs<T>& a, int64_t i) {
  return a.mode == AdvantageMode::opo || is_whitening(a) ? length_at(a, i) : 0.0;
}

template <class T> __global__ void __launch_bounds__(kThreads) add_group_extremes(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i >= a.rows) return;  // KT_MUTATE: i >= a.rows -> false
  for (int64_t k = 0; k < t.columns; ++k)
    add_extremes(t.cells[t.leader[i] * t.columns + k], row_reward(a, i, k), length_of(a, i));
}

template <class T> __global__ void __launch_bounds__(kThreads) add_group_sums(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i >= a.rows) return;  // KT_MUTATE: i >= a.rows -> false
  for (int64_t k = 0; k < t.columns; ++k) {
    Cell& c = t.cells[t.leader[i] * t.columns + k];
    const double x = row_reward(a, i, k);
    if (!(x == x)) continue;
    const Extremes<double> e = extremes_of(c);
    add_exact(c.sum, group_sum(a, e), a.mode == AdvantageMode::opo ? x * length_at(a, i) : x);
    if (a.mode != AdvantageMode::passk) continue;
    if (x == e.high) atomicAdd(&c.at_top, Word(1));
    else atomicMax(&c.second, pattern_of(x));
  }
}

template <class T> __global__ void __launch_bounds__(kThreads) add_group_squares(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i >= a.rows) return;  // KT_MUTATE: i >= a.rows -> false
  for (int64_t k = 0; k < t.columns; ++k) {
    Cell& c = t.cells[t.leader[i] * t.columns + k];
    const double x = row_reward(a, i, k);
    if (!(x == x)) continue;
    const Extremes<double> e = extremes_of(c);
    const double d = x - statistics_of(a, c, false).mean;
    add_exact(c.squares, ExactSum<double>(e.square_bound(), e.count), d * d);
  }
}

template <class T> __global__ void __launch_bounds__(kThreads) write_rows(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i >= a.rows) return;  // KT_MUTATE: i >= a.rows -> false
  double sum = 0;
  for (int64_t k = 0; k < t.columns; ++k) {
    const GroupStatistics<double> s = statistics_of(a, t.cells[t.leader[i] * t.columns + k], true);
    const double value = row_value(a, s, row_reward(a, i, k));
    if (a.mode == AdvantageMode::gdpo) {
      if (value == value || a.propagate) sum = fma(a.weights[k], value, sum);
    } else if (ends_with_batch(a)) {
      a.stage[i] = value, a.stage[a.rows + i] = combined_reward(a, i);
    } else {
      a.value[i * t.columns + k] = rounded<T>(shown(a, value));
    }
  }
  if (a.mode == AdvantageMode::gdpo) a.stage[i] = is_scorable(a, i) ? sum : quiet_nan<double>();
}

// What step the batch's counters are at: 0 extremes, 1 sum, 2 squares. Blocks count for themselves first.
template <class T>
__global__ void __launch_bounds__(kThreads) add_batch(GroupAdvantagesArgs<T> a, Tables t, int step) {
  KT_SHARED(Cell, own);
  if (threadIdx.x == 0) clear(own);
  __syncthreads();
  const int64_t i = thread_index();
  if (i < a.rows) {  // KT_MUTATE: bound
    const double x = batch_term(a, i), length = length_of(a, i);
    if (step == 0) {
      add_extremes(own, x, length);
    } else if (x == x) {
      const BatchStatistics s = batch_of(a, *t.batch, step - 1);
      if (step == 1) add_exact(own.sum, ExactSum<double>(first_bound(a, s), s.count), first_term(a, x, length));
      else add_exact(own.squares, ExactSum<double>(second_bound(a, s), s.count), second_term(a, s, x, length));
    }
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  Cell& all = *t.batch;
  if (step == 0) {
    atomicAdd(&all.rows, own.rows), atomicAdd(&all.count, own.count), atomicAdd(&all.nonzero, own.nonzero);
    atomicAdd(&all.tokens, own.tokens), atomicMax(&all.longest, own.longest);
    atomicMin(&all.low, own.low), atomicMax(&all.high, own.high);
  } else {
    Word* to = step == 1 ? all.sum : all.squares;
    const Word* from = step == 1 ? own.sum : own.squares;
    atomicAdd(&to[0], from[0]), atomicAdd(&to[1], from[1]);
  }
}

template <class T> __global__ void __launch_bounds__(kThreads) write_batch(GroupAdvantagesArgs<T> a, Tables t) {
  const int64_t i = thread_index();
  if (i < a.rows) a.value[i] = rounded<T>(batch_value(a, batch_of(a, *t.batch, 2), i));  // KT_MUTATE: bound
}

template <class T> cudaError_t launch_all(const GroupAdvantagesArgs<T>& a, cudaStream_t stream) {
  const Tables t = tables_of(a);
  const int64_t cells = a.rows * t.columns, widest = cells > t.slots ? cells : t.slots;
  const unsigned rows = unsigned((a.rows + kThreads - 1) / kThreads);
  cudaError_t status =
      KT_LAUNCH(clear_tables, unsigned((widest + kThreads - 1) / kThreads), kThreads, 0, stream, t, cells);
  const auto over_rows = [&](void (*kernel)(GroupAdvantagesArgs<T>, Tables)) {
    if (status == cudaSuccess) status = KT_LAUNCH(kernel, rows, kThreads, 0, stream, a, t);
  };
  over_rows(find_groups<T>);
  over_rows(add_group_extremes<T>);
  over_rows(add_group_sums<T>);
  if (needs_squares(a)) over_rows(add_group_squares<T>);
  over_rows(write_rows<T>);
  if (!ends_with_batch(a)) return status;
  const int steps = a.mode == AdvantageMode::gpg ? 1 : 3;
  for (int step = 0; step < steps && status == cudaSuccess; ++step)
    status = KT_LAUNCH((add_batch<T>), rows, kThreads, 0, stream, a, t, step);
  over_rows(write_batch<T>);
  return status;
}

template <class T> Outcome run(const GroupAdvantagesArgs<T>& a, const Launch& where) {
  if (!a.rows) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "group_advantages: device");
  return cuda::check(launch_all(a, static_cast<cudaStream_t>(where.stream)), "group_advantages: launch");
}

}  // namespace

int64_t group_advantages_workspace(const GroupAdvantagesArgs<float>& a) { return workspace(a); }
int64_t group_advantages_workspace(const GroupAdvantagesArgs<double>& a) { return workspace(a); }
Outcome group_advantages(const GroupAdvantagesArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome group_advantages(const GroupAdvantagesArgs<double>& a, const Launch& where) { return run(a, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
