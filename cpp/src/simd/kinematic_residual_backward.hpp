// Backward passes of kinematic_residual at fixed pixels over blocks: residuals are recomputed, nothing is kept.
#pragma once
#include <kinetrace/core/pack.hpp>
#include <kinetrace/kinematic_residual/pixel.hpp>

#include "kinematic_residual_tiles.hpp"
#include "stream.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

constexpr int kQ = kResidualGradientFrames + 2;  // residuals that touch the frames in flight

// Planes around gradient frames f0 .. f0 + count - 1: flow[k] is frame f0 - 2 + k; weight[k] and upstream[k] belong to
// residual f0 - 1 + k, which exists where live[k]. Pointers of what does not exist are never used.
template <class T> struct GradientFrames {
  const T* flow[kQ + 2][2];
  const T* weight[kQ];
  const T* upstream[kQ][2];
  bool live[kQ];
  T* out[kResidualGradientFrames][2];
};

// The derivative of the value by one residual: factor * weight * slope, 0 where the weight is.
template <class T, ResidualNorm N, bool kWeighted, bool kField> struct Pull {
  using V = NativePack<T>;
  const GradientFrames<T>& f;
  V factor[2];  // per channel; of upstream fields the part that is the same everywhere

  KT_HD V operator()(int k, int c, int i, V before, V at, V after) const {
    if (!f.live[k]) return V(0);
    const V r = second_difference(before, at, after);
    V q = factor[c];
    if constexpr (kField) q = q * load<V>(f.upstream[k][c] + i);
    if constexpr (!kWeighted) return q * residual_slope<N>(r);
    const V w = load<V>(f.weight[k] + i);
    return select(w != V(0), q * w * residual_slope<N>(r), V(0));
  }
};

template <class T, ResidualNorm N, bool kWeighted, bool kField, bool kStream>
void write_gradient(const GradientFrames<T>& f, int count, int padded, const T* factor) {
  using V = NativePack<T>;
  const Pull<T, N, kWeighted, kField> pull{f, {V(factor[0]), V(factor[1])}};
  for (int i = 0; i < padded; i += lanes<V>::width) {
    V a[2], b[2], p[2], q[2];  // flow frames t - 1 and t, derivatives by residuals t - 2 and t - 1
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      const V first = load<V>(f.flow[0][c] + i), second = load<V>(f.flow[1][c] + i);
      a[c] = load<V>(f.flow[2][c] + i), b[c] = load<V>(f.flow[3][c] + i);
      p[c] = pull(0, c, i, first, second, a[c]);
      q[c] = pull(1, c, i, second, a[c], b[c]);
    }
    for (int u = 0; u < count; ++u) {
#pragma GCC unroll 2
      for (int c = 0; c < 2; ++c) {
        const V after = load<V>(f.flow[u + 4][c] + i);
        const V next = pull(u + 2, c, i, a[c], b[c], after);
        const V g = second_difference(p[c], q[c], next);
        if constexpr (kStream) stream(f.out[u][c] + i, g);
        else store(f.out[u][c] + i, g);
        a[c] = b[c], b[c] = after, p[c] = q[c], q[c] = next;
      }
    }
  }
}

template <class T, ResidualNorm N, bool kWeighted, bool kField> void backward_block(const KinematicResidualArgs<T>& a,
                                                                                    int64_t index, bool large,
                                                                                    void* scratch) {
  const Block block = block_at(a, index);
  T* weights = static_cast<T*>(scratch);
  T* outputs = weights + kQ * kResidualBlock;
  T* upstreams = outputs + 2 * kResidualGradientFrames * kResidualBlock;
  FlowTiles<T, kQ> upstream(a.upstream_field, a.height, a.width, block, upstreams);
  FlowTiles<T, kQ + 2> flow(a.flow, a.height, a.width, block, upstreams + 2 * kQ * kResidualBlock);
  const T factor[2] = {problem_factor(a, block.problem, 0), problem_factor(a, block.problem, 1)};
  const int64_t last = a.frames - 1;
  for (int64_t f0 = 0; f0 < a.frames; f0 += kResidualGradientFrames) {
    const int count = int(a.frames - f0 < kResidualGradientFrames ? a.frames - f0 : kResidualGradientFrames);
    flow.fill(f0 + count + 1 < last ? f0 + count + 1 : last);
    if constexpr (kField) upstream.fill((f0 + count < last - 1 ? f0 + count : last - 1) - 1);
    GradientFrames<T> f;
    for (int k = 0; k < count + 4; ++k) {
      const int64_t t = f0 - 2 + k;
      for (int c = 0; c < 2; ++c) f.flow[k][c] = flow.plane(t < 0 ? 0 : t > last ? last : t, c);
    }
    for (int k = 0; k < count + 2; ++k) {
      const int64_t t = f0 - 1 + k;
      f.live[k] = t >= 1 && t < last;
      if (!f.live[k]) continue;
      if constexpr (kWeighted) {
        T* tile = weights + t % kQ * kResidualBlock;
        if (k >= 2 || f0 == 0) weight_tile(a, t, block, tile);  // the first two are still there from the pass before
        f.weight[k] = tile;
      }
      if constexpr (kField)
        for (int c = 0; c < 2; ++c) f.upstream[k][c] = upstream.plane(t - 1, N == ResidualNorm::signed_ ? c : 0);
    }
    bool aligned = large;
    T* out[kResidualGradientFrames][2];
    for (int u = 0; u < count; ++u)
      for (int c = 0; c < 2; ++c) {
        out[u][c] = a.gradient + ((block.problem * a.frames + f0 + u) * 2 + c) * a.pixels() + block.first;
        f.out[u][c] = output_tile(out[u][c], outputs + (2 * u + c) * kResidualBlock, block);
        aligned = aligned && streams_to(f.out[u][c]);
      }
    if (aligned) write_gradient<T, N, kWeighted, kField, true>(f, count, block.padded, factor);
    else write_gradient<T, N, kWeighted, kField, false>(f, count, block.padded, factor);
    for (int u = 0; u < count; ++u)
      for (int c = 0; c < 2; ++c) finish_output(out[u][c], f.out[u][c], block);
  }
}

template <class T, ResidualNorm N> void backward_norm(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end,
                                                      void* scratch) {
  const bool field = a.reduction == ResidualReduction::none;
  // Results that no cache can hold go past it.
  const bool large = a.problems * a.frames * 2 * a.pixels() * int64_t(sizeof(T)) > (int64_t(16) << 20);
  for (int64_t i = begin; i < end; ++i) {
    if (a.weighted() && field) backward_block<T, N, true, true>(a, i, large, scratch);
    else if (a.weighted()) backward_block<T, N, true, false>(a, i, large, scratch);
    else if (field) backward_block<T, N, false, true>(a, i, large, scratch);
    else backward_block<T, N, false, false>(a, i, large, scratch);
  }
  if (large) finish_streams();
}

template <class T> void backward_blocks(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end, void* scratch) {
  switch (a.norm) {
    case ResidualNorm::squared: return backward_norm<T, ResidualNorm::squared>(a, begin, end, scratch);
    case ResidualNorm::absolute: return backward_norm<T, ResidualNorm::absolute>(a, begin, end, scratch);
    case ResidualNorm::signed_: return backward_norm<T, ResidualNorm::signed_>(a, begin, end, scratch);
  }
}

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
