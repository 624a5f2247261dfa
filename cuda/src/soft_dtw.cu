// soft_dtw on CUDA: one warp per pair, columns in stripes of registers. Not yet run on a GPU.
//
// A lane owns kColumns neighbouring columns of a stripe and is one row behind the lane on its left, so that each step is one
// shuffle: the last cell of the row to the right, forward; what the first cell passes on to the left, backward. Between
// stripes these go through the workspace. Every cell's arithmetic, and the order of every sum, are those of the CPU.
#include "launch.cuh"

#include <kinetrace/alignment/window.hpp>
#include <kinetrace/backends.hpp>

#include "soft_dtw_slopes.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kColumns = 4, kStripe = kWarp * kColumns;
constexpr int64_t kMostWarps = 1 << 16;
#ifndef KT_SOFT_DTW_WORKSPACE_BYTES  // the driver sets a limit that it meets
#define KT_SOFT_DTW_WORKSPACE_BYTES (int64_t(2) << 30)
#endif

// The workspace: `warps` slots, each divided as follows, in elements.
struct Layout {
  int64_t warps, x_norms, y_norms, edges, weights, expected, size;
};
template <class T> Layout layout_of(const SoftDtwArgs<T>& a) {
  const bool backward = a.x_gradient || a.y_gradient || a.alignment || a.rewards, cosine = a.metric == Metric::cosine;
  Layout at;
  at.x_norms = 0, at.y_norms = cosine ? a.rows : 0;
  at.edges = at.y_norms + (cosine ? a.columns : 0);
  at.weights = at.edges + 4 * a.rows;
  at.expected = at.weights + (backward ? 3 * a.rows * a.columns : 0);
  at.size = at.expected + (backward && !a.alignment ? a.rows * a.columns : 0);
  const int64_t bytes = (at.size > 0 ? at.size : 1) * int64_t(sizeof(T)), fitting = KT_SOFT_DTW_WORKSPACE_BYTES / bytes;
  at.warps = a.pairs < kMostWarps ? a.pairs : kMostWarps;
  if (at.warps > fitting) at.warps = fitting < 1 ? 1 : fitting;
  return at;
}

template <class T> __device__ Scaled<T> shifted_up(Scaled<T> z) {
  return {__shfl_up_sync(kAllLanes, z.exponent, 1), __shfl_up_sync(kAllLanes, z.mantissa, 1)};
}

template <class T> class WarpRun {
 public:
  __device__ WarpRun(const SoftDtwArgs<T>& args, const Layout& layout, T* slot, int64_t p)
      : pair(args, p, slot + layout.x_norms, slot + layout.y_norms),
        band(band_of(args.window, pair.n, pair.m)),
        edges(slot + layout.edges),
        weights(slot + layout.weights),
        expected(args.alignment ? args.alignment + p * args.rows * args.columns : slot + layout.expected),
        lane(threadIdx.x % kWarp) {}

  __device__ void solve() {
    const SoftDtwArgs<T>& a = pair.a;
    bool odd = pair.n > 0 && pair.load(lane);
    __syncwarp(kAllLanes);
    const bool slopes = a.x_gradient || a.y_gradient, backward_wanted = slopes || a.alignment || a.rewards;
    Scaled<T> last = absent<T>();
    if (pair.n > 0) odd = (backward_wanted ? forward<true>(last) : forward<false>(last)) || odd;
    odd = __any_sync(kAllLanes, odd);
    const Status status = pair.n == 0 ? kEmpty : odd ? kNonFinite : soft_feasible(last.exponent) ? kOk : kInfeasible;
    if (lane == 0) {
      a.status[pair.p] = status;
      a.value[pair.p] = status == kOk           ? soft_value(last.exponent, last.mantissa, pair.rate)
                        : status == kInfeasible ? infinity<T>()
                                                : quiet_nan<T>();
    }
    if (!backward_wanted) return;
    if (status == kOk) backward();
    const T failed = status == kNonFinite ? quiet_nan<T>() : T(0);
    if (a.alignment) finish_alignment(status == kOk, failed);
    if (a.rewards) pair.write_rewards(expected, status == kOk, lane);
    if (slopes) pair.write_slopes(expected, status == kOk, failed, lane);
  }

 private:
  SoftPair<T> pair;
  Band band;
  T *edges, *weights, *expected;
  int lane;

  // What a stripe hands to the next: two buffers in turn, since a lane may write a row while another still reads it.
  __device__ T* edges_of(int64_t turn) const { return edges + (turn % 2) * 2 * pair.a.rows; }
  __device__ T* weights_of(int64_t i, int64_t j) const { return weights + 3 * (i * pair.a.columns + j); }

  // All stripes; `last` becomes Z of the last cell. Whether a cost has no meaning.
  template <bool kWeights> __device__ bool forward(Scaled<T>& last) {
    bool odd = false;
    const int64_t steps = pair.n + kWarp - 1, end = pair.m - 1;
    for (int64_t stripe = 0; stripe < pair.m; stripe += kStripe) {
      const int64_t first = stripe + lane * kColumns;
      const T* from_left = edges_of(stripe / kStripe);
      T* to_right = edges_of(stripe / kStripe + 1);
      Scaled<T> up[kColumns], edge = absent<T>(), corner = absent<T>();
      for (int k = 0; k < kColumns; ++k) up[k] = absent<T>();
      if (first == 0) corner = {T(0), T(1)};
      for (int64_t t = 0; t < steps; ++t) {
        Scaled<T> left = shifted_up(edge);
        const int64_t i = t - lane;
        if (i < 0 || i >= pair.n || first >= pair.m) continue;  // KT_MUTATE: i >= pair.n -> false
        if (lane == 0) left = stripe == 0 ? absent<T>() : Scaled<T>{from_left[2 * i], from_left[2 * i + 1]};
        const Scaled<T> next_corner = left;
        const int64_t from = first_column(band, i), to = last_column(band, i);
        Scaled<T> diagonal = corner;
#pragma unroll
        for (int k = 0; k < kColumns; ++k) {
          const int64_t j = first + k;
          if (j >= pair.m) break;  // KT_MUTATE: j >= pair.m -> false
          const bool inside = from <= j && j <= to;
          bool meaningless = false;
          const T x = inside ? pair.exponent(i, j, meaningless) : T(0);
          odd = odd || meaningless;
          SoftWeights<T> w;
          Scaled<T> z = soft_cell<kWeights>(x, diagonal, up[k], left, w);
          if (!inside) z.exponent = absent<T>().exponent;
          if constexpr (kWeights) {
            T* at = weights_of(i, j);
            at[0] = w.diagonal(), at[1] = w.up, at[2] = w.left;
          }
          diagonal = up[k], up[k] = z, left = z;
        }
        corner = next_corner, edge = left;
        if (lane == kWarp - 1) to_right[2 * i] = edge.exponent, to_right[2 * i + 1] = edge.mantissa;
      }
      if (stripe + kStripe >= pair.m) {
        const int owner = int((end - stripe) / kColumns), at = int((end - stripe) % kColumns);
        Scaled<T> own = up[0];
#pragma unroll
        for (int k = 1; k < kColumns; ++k)
          if (k == at) own = up[k];
        last = {__shfl_sync(kAllLanes, own.exponent, owner), __shfl_sync(kAllLanes, own.mantissa, owner)};
      }
      __syncwarp(kAllLanes);
    }
    return odd;
  }

  // E of all cells of the pair into `expected`.
  __device__ void backward() {
    const int64_t steps = pair.n + kWarp - 1, stripes = (pair.m + kStripe - 1) / kStripe;
    for (int64_t s = stripes - 1; s >= 0; --s) {
      const int64_t first = s * kStripe + lane * kColumns;
      const T* from_right = edges_of(s + 1);
      T* to_next = edges_of(s);
      T incoming[kColumns], to_left = T(0), to_corner = T(0);
      for (int k = 0; k < kColumns; ++k) incoming[k] = first + k == pair.m - 1 ? T(1) : T(0);
      for (int64_t t = 0; t < steps; ++t) {
        T left = __shfl_down_sync(kAllLanes, to_left, 1), diagonal = __shfl_down_sync(kAllLanes, to_corner, 1);
        const int64_t i = pair.n - 1 - (t - (kWarp - 1 - lane));
        if (i < 0 || i >= pair.n || first >= pair.m) continue;  // KT_MUTATE: i >= pair.n -> false
        if (first + kColumns >= pair.m) left = diagonal = T(0);
        else if (lane == kWarp - 1) left = from_right[2 * i], diagonal = from_right[2 * i + 1];
#pragma unroll
        for (int k = kColumns - 1; k >= 0; --k) {
          const int64_t j = first + k;
          if (j >= pair.m) continue;  // KT_MUTATE: j >= pair.m -> false
          const T e = soft_flush(incoming[k] + left);
          const T* w = weights_of(i, j);
          expected[i * pair.a.columns + j] = e;
          incoming[k] = fma(e, w[1], diagonal);
          diagonal = e * w[0], left = e * w[2];
        }
        to_left = left, to_corner = diagonal;
        if (lane == 0) to_next[2 * i] = left, to_next[2 * i + 1] = diagonal;
      }
      __syncwarp(kAllLanes);
    }
  }

  // 0, or what a failed pair gets, wherever backward() wrote nothing.
  __device__ void finish_alignment(bool solved, T failed) const {
    const int64_t rows = pair.a.rows, columns = pair.a.columns;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = lane; j < columns; j += kWarp) {  // KT_MUTATE: j < columns -> j <= columns
        const bool used = i < pair.n && j < pair.m;
        if (!used || !solved) expected[i * columns + j] = used ? failed : T(0);
      }
  }
};

template <class T> __global__ void __launch_bounds__(kThreads, 1) soft_dtw_kernel(SoftDtwArgs<T> a, Layout layout) {
  const int64_t warp = int64_t(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (warp >= layout.warps) return;  // KT_MUTATE: warp >= layout.warps -> false
  T* slot = static_cast<T*>(a.workspace) + warp * layout.size;
  for (int64_t p = warp; p < a.pairs; p += layout.warps) {
    WarpRun<T>(a, layout, slot, p).solve();
    __syncwarp(kAllLanes);  // rewards read all norms, which the next pair overwrites
  }
}

template <class T> int64_t workspace(const SoftDtwArgs<T>& a) {
  if (a.pairs <= 0) return 0;
  const Layout at = layout_of(a);
  return at.warps * at.size * int64_t(sizeof(T)) + 16;
}

template <class T> Outcome run(const SoftDtwArgs<T>& a, const Launch& where) {
  if (a.pairs <= 0) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "soft_dtw: device");
  const Layout layout = layout_of(a);
  const dim3 grid(unsigned((layout.warps + kWarps - 1) / kWarps)), block(kThreads);
  return cuda::check(
      KT_LAUNCH((soft_dtw_kernel<T>), grid, block, 0, static_cast<cudaStream_t>(where.stream), a, layout),
      "soft_dtw: launch");
}

}  // namespace

int64_t soft_dtw_workspace(const SoftDtwArgs<float>& a) { return workspace(a); }
int64_t soft_dtw_workspace(const SoftDtwArgs<double>& a) { return workspace(a); }
Outcome soft_dtw(const SoftDtwArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome soft_dtw(const SoftDtwArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
