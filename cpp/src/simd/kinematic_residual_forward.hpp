// Forward passes of kinematic_residual over blocks of pixels.
#pragma once
#include <kinetrace/core/pack.hpp>

#include "kinematic_residual_tiles.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Planes of the frames in flight: flow[k] is frame t0 - 1 + k, weight[u] belongs to residual t0 + u.
template <class T> struct Frames {
  const T* flow[kResidualFrames + 2][2];
  const T* next[kResidualFrames][2];
  const T* weight[kResidualFrames];
};

// Adds residuals t0 .. t0 + kCount - 1 to the sums of the block's strips, in the order that types.hpp fixes.
template <class T, ResidualNorm N, bool kWeighted, int kCount> void add_frames(const Frames<T>& f, int padded, double* sums) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, kGroups = kResidualLanes / W;
  for (int begin = 0; begin < padded; begin += kResidualStrip, sums += kResidualSums * kResidualLanes) {
    const int end = begin + kResidualStrip < padded ? begin + kResidualStrip : padded;
    ResidualSums<N, V> sum[kGroups];
    for (int j = begin; j < end; j += kResidualLanes) {
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) {
        const int i = j + g * W;
        V bx = load<V>(f.flow[0][0] + i), by = load<V>(f.flow[0][1] + i), cx = load<V>(f.flow[1][0] + i), cy = load<V>(f.flow[1][1] + i);
        V dx = cx - bx, dy = cy - by;
#pragma GCC unroll 4
        for (int u = 0; u < kCount; ++u) {
          const V ax = load<V>(f.flow[u + 2][0] + i), ay = load<V>(f.flow[u + 2][1] + i);
          __builtin_prefetch(f.next[u][0] + i), __builtin_prefetch(f.next[u][1] + i);
          const V ex = ax - cx, ey = ay - cy;  // second_difference, the inner difference shared with the next residual
          if constexpr (kWeighted) sum[g].add(ex - dx, ey - dy, load<V>(f.weight[u] + i));
          else sum[g].add(ex - dx, ey - dy);
          cx = ax, cy = ay, dx = ex, dy = ey;
        }
      }
    }
    T lane[kResidualSums][kResidualLanes];
    for (int g = 0; g < kGroups; ++g) store(lane[0] + g * W, sum[g].first), store(lane[1] + g * W, sum[g].second), store(lane[2] + g * W, sum[g].weight);
    for (int l = 0; l < kResidualLanes; ++l) sums[l] += double(lane[0][l]);
    if constexpr (N == ResidualNorm::signed_)
      for (int l = 0; l < kResidualLanes; ++l) sums[kResidualLanes + l] += double(lane[1][l]);
    if constexpr (kWeighted)
      for (int l = 0; l < kResidualLanes; ++l) sums[2 * kResidualLanes + l] += double(lane[2][l]);
  }
}

template <class T, ResidualNorm N, bool kWeighted> void add_some_frames(const Frames<T>& f, int count, int padded, double* sums) {
  static_assert(kResidualFrames == 4, "one case per remainder");
  switch (count) {
    case 4: return add_frames<T, N, kWeighted, 4>(f, padded, sums);
    case 3: return add_frames<T, N, kWeighted, 3>(f, padded, sums);
    case 2: return add_frames<T, N, kWeighted, 2>(f, padded, sums);
    default: return add_frames<T, N, kWeighted, 1>(f, padded, sums);
  }
}

// The field w |r / dt|, or w r / dt with its two channels, of one residual; out[c] has room for the padding.
template <class T, ResidualNorm N, bool kWeighted> void write_field(const Frames<T>& f, int u, T dt, int padded, T* const* out) {
  using V = NativePack<T>;
  for (int i = 0; i < padded; i += lanes<V>::width) {
    V x = second_difference(load<V>(f.flow[u][0] + i), load<V>(f.flow[u + 1][0] + i), load<V>(f.flow[u + 2][0] + i)) / V(dt);
    V y = second_difference(load<V>(f.flow[u][1] + i), load<V>(f.flow[u + 1][1] + i), load<V>(f.flow[u + 2][1] + i)) / V(dt);
    ResidualSums<N, V> one;
    if constexpr (kWeighted) one.add(x, y, load<V>(f.weight[u] + i));
    else one.add(x, y);
    store(out[0] + i, one.first);
    if constexpr (N == ResidualNorm::signed_) store(out[1] + i, one.second);
  }
}

// Fields of the frames in flight to args.value.
template <class T, ResidualNorm N, bool kWeighted>
void write_fields(const KinematicResidualArgs<T>& a, const Frames<T>& f, int64_t t0, int count, const Block& block, T* tiles) {
  constexpr int C = N == ResidualNorm::signed_ ? 2 : 1;
  for (int u = 0; u < count; ++u) {
    T *out[2], *tile[2];
    for (int c = 0; c < C; ++c) {
      out[c] = a.value + ((block.problem * (a.frames - 2) + t0 - 1 + u) * C + c) * a.pixels() + block.first;
      tile[c] = output_tile(out[c], tiles + c * kResidualBlock, block);
    }
    write_field<T, N, kWeighted>(f, u, T(a.dt), block.padded, tile);
    for (int c = 0; c < C; ++c) finish_output(out[c], tile[c], block);
  }
}

template <class T, ResidualNorm N, bool kWeighted> void forward_block(const KinematicResidualArgs<T>& a, int64_t index, bool more, void* scratch) {
  const Block block = block_at(a, index);
  const int strips = (block.count + kResidualStrip - 1) / kResidualStrip;
  double* sums = static_cast<double*>(scratch);
  T* weights = reinterpret_cast<T*>(sums + kResidualBlock / kResidualStrip * kResidualSums * kResidualLanes);
  T* outputs = weights + kResidualFrames * kResidualBlock;
  FlowTiles<T, kResidualFrames + 2> flow(a.flow, a.height, a.width, block, outputs + 2 * kResidualBlock);
  for (int i = 0; i < strips * kResidualSums * kResidualLanes; ++i) sums[i] = 0;
  more = more && block.first + 2 * kResidualBlock <= a.pixels();
  for (int64_t t0 = 1; t0 < a.frames - 1; t0 += kResidualFrames) {
    const int count = int(a.frames - 1 - t0 < kResidualFrames ? a.frames - 1 - t0 : kResidualFrames);
    flow.fill(t0 + count);
    Frames<T> f;
    for (int k = 0; k < count + 2; ++k)
      for (int c = 0; c < 2; ++c) f.flow[k][c] = flow.plane(t0 - 1 + k, c);
    for (int k = 0; k < kResidualFrames; ++k)
      for (int c = 0; c < 2; ++c) f.next[k][c] = flow.ahead(t0 + count + 1 + k, c, a.frames, more);
    if constexpr (kWeighted)
      for (int u = 0; u < count; ++u) {
        T* tile = weights + u * kResidualBlock;
        weight_tile(a, t0 + u, block, tile);
        f.weight[u] = tile;
      }
    if (a.reduction == ResidualReduction::none) write_fields<T, N, kWeighted>(a, f, t0, count, block, outputs);
    else add_some_frames<T, N, kWeighted>(f, count, block.padded, sums);
  }
  if (a.reduction == ResidualReduction::none) return;
  double* out = static_cast<double*>(a.workspace) + (block.problem * a.strips() + block.first / kResidualStrip) * kResidualSums;
  for (int i = 0; i < strips * kResidualSums; ++i) out[i] = residual_tree(sums + i * kResidualLanes);
}

template <class T, ResidualNorm N> void forward_norm(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end, void* scratch) {
  for (int64_t i = begin; i < end; ++i) {
    if (a.weighted()) forward_block<T, N, true>(a, i, i + 1 < end, scratch);
    else forward_block<T, N, false>(a, i, i + 1 < end, scratch);
  }
}

template <class T> void forward_blocks(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end, void* scratch) {
  switch (a.norm) {
    case ResidualNorm::squared: return forward_norm<T, ResidualNorm::squared>(a, begin, end, scratch);
    case ResidualNorm::absolute: return forward_norm<T, ResidualNorm::absolute>(a, begin, end, scratch);
    case ResidualNorm::signed_: return forward_norm<T, ResidualNorm::signed_>(a, begin, end, scratch);
  }
}

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
