// fit_segments on CUDA: one thread per problem, the rows of all problems in flight side by side. Not yet run on a GPU.
//
// Five kernels in stream order: the table of steps; used points into rows; the search and the pieces in float64, the headers
// that the CPU lanes run; results in the caller's dtype. A warp's threads read one row at neighbouring addresses. The workspace holds at
// most kMostSlots problems or kMostBytes; more problems go through it in rounds of the same stream, without a wait.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/fit_segments/load.hpp>
#include <kinetrace/fit_segments/pieces.hpp>
#include <kinetrace/fit_segments/prepare.hpp>
#include <kinetrace/fit_segments/search.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 64;
constexpr int64_t kMostSlots = int64_t(1) << 18, kMostBytes = int64_t(1) << 30;

template <class T>
int64_t table_size(const FitSegmentsArgs<T>& a) {
  return a.times.data ? 0 : a.frames * segment_step_size(a.order);
}

// Problems in flight: whole blocks.
template <class T>
int64_t slots_for(const FitSegmentsArgs<T>& a) {
  const int64_t by_bytes = kMostBytes / int64_t(sizeof(double)) / segment_layout(a).rows();
  int64_t slots = a.problems < kMostSlots ? a.problems : kMostSlots;
  if (slots > by_bytes) slots = by_bytes > 0 ? by_bytes : 1;
  return (slots + kThreads - 1) / kThreads * kThreads;
}

template <int K>
__global__ void __launch_bounds__(32) table_kernel(double* table, int64_t points) {
  if (threadIdx.x == 0) write_step_table<K>(table, points);  // KT_MUTATE: delete
}

template <class T, int D>
__global__ void __launch_bounds__(kThreads, 1)
    load_kernel(FitSegmentsArgs<T> a, SegmentLayout layout, double* rows, int64_t pitch, int64_t first) {
  const int64_t slot = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (first + slot >= a.problems) return;  // KT_MUTATE: delete
  load_problem<T, D>(a, layout, first + slot, {rows + slot, pitch});
}

template <int D, int K>
__global__ void __launch_bounds__(kThreads, 1) search_kernel(SegmentLayout layout, SegmentOptions options, double* rows,
                                                             const double* table, int64_t pitch, int64_t left) {
  const int64_t slot = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (slot >= left) return;  // KT_MUTATE: delete
  const SegmentRows<double> mine{rows + slot, pitch, layout};
  const bool regular = mine.get(SegmentLayout::kRegular) != 0;
  const int64_t count = int64_t(mine.get(SegmentLayout::kCount));
  SegmentPreparation<double, D>(mine, options, count).run();
  SegmentSearch<double, D, K>(mine, table, options, count).run(regular, regular);
}

template <int D, int K>
__global__ void __launch_bounds__(kThreads, 1) pieces_kernel(SegmentLayout layout, SegmentOptions options, double* rows,
                                                             const double* table, int64_t pitch, int64_t left) {
  const int64_t slot = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (slot >= left) return;  // KT_MUTATE: delete
  const SegmentRows<double> mine{rows + slot, pitch, layout};
  const SegmentPieces<double, D, K> pieces(mine, table, options, int64_t(mine.get(SegmentLayout::kCount)));
  pieces.run(mine.get(SegmentLayout::kRegular) != 0);
}

template <class T>
__global__ void __launch_bounds__(kThreads, 1)
    write_kernel(FitSegmentsArgs<T> a, SegmentLayout layout, double* rows, int64_t pitch, int64_t first) {
  const int64_t slot = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (first + slot >= a.problems) return;  // KT_MUTATE: delete
  write_problem(a, layout, first + slot, {rows + slot, pitch});
}

// Where one round of the search works.
struct Round {
  dim3 grid;
  double* rows;
  const double* table;
  int64_t pitch, left;
  cudaStream_t stream;
};

template <int D, int K>
cudaError_t search(const SegmentLayout& layout, const SegmentOptions& options, const Round& r) {
  const cudaError_t status = KT_LAUNCH((search_kernel<D, K>), r.grid, dim3(kThreads), 0, r.stream, layout, options,
                                       r.rows, r.table, r.pitch, r.left);
  return status != cudaSuccess ? status
                               : KT_LAUNCH((pieces_kernel<D, K>), r.grid, dim3(kThreads), 0, r.stream, layout, options,
                                           r.rows, r.table, r.pitch, r.left);
}
template <int D>
cudaError_t search(const SegmentLayout& layout, const SegmentOptions& options, const Round& r) {
  switch (layout.order) {
    case 0: return search<D, 0>(layout, options, r);
    case 1: return search<D, 1>(layout, options, r);
    case 2: return search<D, 2>(layout, options, r);
    default: return search<D, 3>(layout, options, r);
  }
}
cudaError_t search_round(const SegmentLayout& layout, const SegmentOptions& options, const Round& r) {
  switch (layout.dims) {
    case 1: return search<1>(layout, options, r);
    case 2: return search<2>(layout, options, r);
    case 3: return search<3>(layout, options, r);
    default: return search<4>(layout, options, r);
  }
}

cudaError_t make_table(int order, double* table, int64_t points, cudaStream_t stream) {
  const dim3 grid(1), block(32);
  switch (order) {
    case 0: return KT_LAUNCH(table_kernel<0>, grid, block, 0, stream, table, points);
    case 1: return KT_LAUNCH(table_kernel<1>, grid, block, 0, stream, table, points);
    case 2: return KT_LAUNCH(table_kernel<2>, grid, block, 0, stream, table, points);
    default: return KT_LAUNCH(table_kernel<3>, grid, block, 0, stream, table, points);
  }
}

template <class T>
cudaError_t load_round(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, const Round& r, int64_t first) {
  switch (a.dims) {
    case 1:
      return KT_LAUNCH((load_kernel<T, 1>), r.grid, dim3(kThreads), 0, r.stream, a, layout, r.rows, r.pitch, first);
    case 2:
      return KT_LAUNCH((load_kernel<T, 2>), r.grid, dim3(kThreads), 0, r.stream, a, layout, r.rows, r.pitch, first);
    case 3:
      return KT_LAUNCH((load_kernel<T, 3>), r.grid, dim3(kThreads), 0, r.stream, a, layout, r.rows, r.pitch, first);
    default:
      return KT_LAUNCH((load_kernel<T, 4>), r.grid, dim3(kThreads), 0, r.stream, a, layout, r.rows, r.pitch, first);
  }
}

template <class T>
cudaError_t rounds(const FitSegmentsArgs<T>& a, cudaStream_t stream) {
  const SegmentLayout layout = segment_layout(a);
  const SegmentOptions options = segment_options(a);
  const int64_t slots = slots_for(a);
  double* rows = a.workspace + table_size(a);
  if (table_size(a)) {
    const cudaError_t status = make_table(a.order, a.workspace, a.frames, stream);
    if (status != cudaSuccess) return status;
  }
  for (int64_t first = 0; first < a.problems; first += slots) {
    const int64_t left = a.problems - first < slots ? a.problems - first : slots;
    const dim3 grid(unsigned((left + kThreads - 1) / kThreads));
    const Round round{grid, rows, a.workspace, slots, left, stream};
    cudaError_t status = load_round(a, layout, round, first);
    if (status == cudaSuccess) status = search_round(layout, options, round);
    if (status == cudaSuccess)
      status = KT_LAUNCH(write_kernel<T>, grid, dim3(kThreads), 0, stream, a, layout, rows, slots, first);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

template <class T>
Outcome run(const FitSegmentsArgs<T>& a, const Launch& where) {
  if (!a.problems) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "fit_segments: device");
  return cuda::check(rounds(a, static_cast<cudaStream_t>(where.stream)), "fit_segments: launch");
}

template <class T>
int64_t workspace(const FitSegmentsArgs<T>& a) {
  return a.problems ? table_size(a) + slots_for(a) * segment_layout(a).rows() : 0;
}

}  // namespace

int64_t fit_segments_workspace(const FitSegmentsArgs<float>& a) { return workspace(a); }
int64_t fit_segments_workspace(const FitSegmentsArgs<double>& a) { return workspace(a); }
Outcome fit_segments(const FitSegmentsArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome fit_segments(const FitSegmentsArgs<double>& a, const Launch& where) { return run(a, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
