// Forward passes of kinematic_residual over blocks of pixels.
#pragma once
#include <kinetrace/core/pack.hpp>
#include <kinetrace/kinematic_residual/advected.hpp>

#include "kinematic_residual_tiles.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Planes of the frames in flight: flow[k] is frame t0 - 1 + k, weight[u] belongs to residual t0 + u. `ahead` elements
// further lies what is worth prefetching.
template <class T> struct Frames {
  const T* flow[kResidualFrames + 2][2];
  const T* weight[kResidualFrames];
  int64_t ahead;
};

// What residual t0 needs of the past, per pixel of a block: flow t0 and its difference from flow t0 - 1. Kept apart from
// the planes so that each cache line of those is touched once: planes of usual sizes all fall into the same cache sets.
template <class T> struct Past {
  T* flow[2];
  T* difference[2];
};

// Into the second cache: what is `ahead` is further away than the first one reaches.
template <class T> KT_HD void prefetch(const T* p, int64_t ahead) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + uintptr_t(ahead) * sizeof(T)), 0, 2);
}

template <class T> void begin_past(const Frames<T>& f, int count, int padded, const Past<T>& past) {
  using V = NativePack<T>;
  for (int i = 0; i < padded; i += lanes<V>::width)
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      const V at = load<V>(f.flow[1][c] + i);
      store(past.flow[c] + i, at), store(past.difference[c] + i, at - load<V>(f.flow[0][c] + i));
      for (int u = 0; u < count; ++u) prefetch(f.flow[u + 2][c] + i, 0);
    }
}

// The lanes of a strip's pass on to its sums in double.
template <class T, ResidualNorm N, bool kWeighted, class Sum> KT_HD void flush_lanes(const Sum* sum, double* sums) {
  constexpr int W = lanes<NativePack<T>>::width;
  T lane[kResidualSums][kResidualLanes];
  for (int g = 0; g < kResidualLanes / W; ++g)
    store(lane[0] + g * W, sum[g].first), store(lane[1] + g * W, sum[g].second), store(lane[2] + g * W, sum[g].weight);
  for (int l = 0; l < kResidualLanes; ++l) sums[l] += double(lane[0][l]);
  if constexpr (N == ResidualNorm::signed_)
    for (int l = 0; l < kResidualLanes; ++l) sums[kResidualLanes + l] += double(lane[1][l]);
  if constexpr (kWeighted)
    for (int l = 0; l < kResidualLanes; ++l) sums[2 * kResidualLanes + l] += double(lane[2][l]);
}

// Adds residuals t0 .. t0 + kCount - 1 to the sums of the block's strips, in the order that types.hpp fixes.
template <class T, ResidualNorm N, bool kWeighted, int kCount> void add_frames(const Frames<T>& f, int padded,
                                                                               const Past<T>& past, double* sums) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, kGroups = kResidualLanes / W;
  for (int begin = 0; begin < padded; begin += kResidualStrip, sums += kResidualSums * kResidualLanes) {
    const int end = begin + kResidualStrip < padded ? begin + kResidualStrip : padded;
    ResidualSums<N, V> sum[kGroups];
    for (int j = begin; j < end; j += kResidualLanes) {
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) {
        const int i = j + g * W;
        V cx = load<V>(past.flow[0] + i), cy = load<V>(past.flow[1] + i), dx = load<V>(past.difference[0] + i),
          dy = load<V>(past.difference[1] + i);
#pragma GCC unroll 4
        for (int u = 0; u < kCount; ++u) {
          const V ax = load<V>(f.flow[u + 2][0] + i), ay = load<V>(f.flow[u + 2][1] + i);
          prefetch(f.flow[u + 2][0] + i, f.ahead), prefetch(f.flow[u + 2][1] + i, f.ahead);
          const V ex = ax - cx, ey = ay - cy;  // second_difference, the inner difference shared with the next residual
          if constexpr (kWeighted) sum[g].add(ex - dx, ey - dy, load<V>(f.weight[u] + i));
          else sum[g].add(ex - dx, ey - dy);
          cx = ax, cy = ay, dx = ex, dy = ey;
        }
        store(past.flow[0] + i, cx), store(past.flow[1] + i, cy), store(past.difference[0] + i, dx),
            store(past.difference[1] + i, dy);
      }
    }
    flush_lanes<T, N, kWeighted>(sum, sums);
  }
}

template <class T, ResidualNorm N, bool kWeighted> void add_some_frames(const Frames<T>& f, int count, int padded,
                                                                        const Past<T>& past, double* sums) {
  static_assert(kResidualFrames == 4, "one case per remainder");
  switch (count) {
    case 4: return add_frames<T, N, kWeighted, 4>(f, padded, past, sums);
    case 3: return add_frames<T, N, kWeighted, 3>(f, padded, past, sums);
    case 2: return add_frames<T, N, kWeighted, 2>(f, padded, past, sums);
    default: return add_frames<T, N, kWeighted, 1>(f, padded, past, sums);
  }
}

// Residuals of the frames in flight at fixed pixels: (x, y) and weight of residual t0 + u at lanes i and on.
template <class T, bool kWeighted> struct FixedSource {
  const Frames<T>& f;
  template <class V> KT_HD void get(int u, int i, V& x, V& y, V& w) const {
    x = second_difference(load<V>(f.flow[u][0] + i), load<V>(f.flow[u + 1][0] + i), load<V>(f.flow[u + 2][0] + i));
    y = second_difference(load<V>(f.flow[u][1] + i), load<V>(f.flow[u + 1][1] + i), load<V>(f.flow[u + 2][1] + i));
    w = kWeighted ? load<V>(f.weight[u] + i) : V(1);
  }
};

// The same along the motion; px and py are the pixels' places.
template <class T> struct AdvectedSource {
  const KinematicResidualArgs<T>& a;
  const Frames<T>& f;
  int64_t problem, t0;
  const T *px, *py;
  template <class V> KT_HD void get(int u, int i, V& x, V& y, V& w) const {
    const int64_t t = t0 + u;
    const AdvectedResidual<V> r =
        advected_residual(flow_field(a, problem, t - 1), flow_field(a, problem, t + 1), load<V>(px + i),
                          load<V>(py + i), load<V>(f.flow[u][0] + i), load<V>(f.flow[u][1] + i),
                          load<V>(f.flow[u + 1][0] + i), load<V>(f.flow[u + 1][1] + i), a.iterations);
    x = r.x, y = r.y;
    w = select(r.valid, load<V>(f.weight[u] + i), V(0));
  }
};

// add_frames for any source of residuals.
template <class T, ResidualNorm N, class Source> void add_source(const Source& source, int count, int padded,
                                                                 double* sums) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, kGroups = kResidualLanes / W;
  for (int begin = 0; begin < padded; begin += kResidualStrip, sums += kResidualSums * kResidualLanes) {
    const int end = begin + kResidualStrip < padded ? begin + kResidualStrip : padded;
    ResidualSums<N, V> sum[kGroups];
    for (int j = begin; j < end; j += kResidualLanes)
      for (int g = 0; g < kGroups; ++g)
        for (int u = 0; u < count; ++u) {
          V x, y, w;
          source.get(u, j + g * W, x, y, w);
          sum[g].add(x, y, w);
        }
    flush_lanes<T, N, true>(sum, sums);
  }
}

// Fields w |r / dt|, or w r / dt with its two channels, of the frames in flight to args.value.
template <class T, ResidualNorm N, class Source>
void write_fields(const KinematicResidualArgs<T>& a, const Source& source, int64_t t0, int count, const Block& block,
                  T* tiles) {
  using V = NativePack<T>;
  constexpr int C = N == ResidualNorm::signed_ ? 2 : 1;
  for (int u = 0; u < count; ++u) {
    T *out[2], *tile[2];
    for (int c = 0; c < C; ++c) {
      out[c] = a.value + ((block.problem * (a.frames - 2) + t0 - 1 + u) * C + c) * a.pixels() + block.first;
      tile[c] = output_tile(out[c], tiles + c * kResidualBlock, block);
    }
    for (int i = 0; i < block.padded; i += lanes<V>::width) {
      V x, y, w;
      source.get(u, i, x, y, w);
      ResidualSums<N, V> one;
      one.add(x / V(T(a.dt)), y / V(T(a.dt)), w);
      store(tile[0] + i, one.first);
      if constexpr (C == 2) store(tile[1] + i, one.second);
    }
    for (int c = 0; c < C; ++c) finish_output(out[c], tile[c], block);
  }
}

template <class T, ResidualNorm N, bool kWeighted> void forward_block(const KinematicResidualArgs<T>& a, int64_t index,
                                                                      bool more, void* scratch) {
  const Block block = block_at(a, index);
  const int strips = (block.count + kResidualStrip - 1) / kResidualStrip;
  double* sums = static_cast<double*>(scratch);
  T* weights = reinterpret_cast<T*>(sums + kResidualBlock / kResidualStrip * kResidualSums * kResidualLanes);
  T* outputs = weights + kResidualFrames * kResidualBlock;
  T* past_planes = outputs + 2 * kResidualBlock;
  const Past<T> past{{past_planes, past_planes + kResidualBlock},
                     {past_planes + 2 * kResidualBlock, past_planes + 3 * kResidualBlock}};
  FlowTiles<T, kResidualFrames + 2> flow(a.flow, a.height, a.width, block, past_planes + 4 * kResidualBlock);
  T* places = past_planes;  // x and y of the pixels; the advected mode needs no past
  for (int i = 0; a.advected && i < block.padded; ++i) {
    places[i] = i < block.count ? T((block.first + i) % a.width) : T(0);
    places[kResidualBlock + i] = i < block.count ? T((block.first + i) / a.width) : T(0);
  }
  for (int i = 0; i < strips * kResidualSums * kResidualLanes; ++i) sums[i] = 0;
  more = more && block.first + 2 * kResidualBlock <= a.pixels();
  for (int64_t t0 = 1; t0 < a.frames - 1; t0 += kResidualFrames) {
    const int count = int(a.frames - 1 - t0 < kResidualFrames ? a.frames - 1 - t0 : kResidualFrames);
    flow.fill(t0 + count);
    Frames<T> f;
    for (int k = 0; k < count + 2; ++k)
      for (int c = 0; c < 2; ++c) f.flow[k][c] = flow.plane(t0 - 1 + k, c);
    f.ahead = t0 + count < a.frames - 1 ? flow.frames_ahead(count)
              : more                    ? flow.frames_ahead(-t0 - 1) + kResidualBlock
                                        : 0;
    if constexpr (kWeighted)
      for (int u = 0; u < count; ++u) {
        T* tile = weights + u * kResidualBlock;
        weight_tile(a, t0 + u, block, tile);
        f.weight[u] = tile;
      }
    const bool field = a.reduction == ResidualReduction::none;
    if constexpr (kWeighted) {
      const AdvectedSource<T> advected{a, f, block.problem, t0, places, places + kResidualBlock};
      if (a.advected && field) write_fields<T, N>(a, advected, t0, count, block, outputs);
      else if (a.advected) add_source<T, N>(advected, count, block.padded, sums);
      if (a.advected) continue;
    }
    if (field) {
      write_fields<T, N>(a, FixedSource<T, kWeighted>{f}, t0, count, block, outputs);
      continue;
    }
    if (t0 == 1) begin_past(f, count, block.padded, past);
    add_some_frames<T, N, kWeighted>(f, count, block.padded, past, sums);
  }
  if (a.reduction == ResidualReduction::none) return;
  double* out =
      static_cast<double*>(a.workspace) + (block.problem * a.strips() + block.first / kResidualStrip) * kResidualSums;
  for (int i = 0; i < strips * kResidualSums; ++i) out[i] = residual_tree(sums + i * kResidualLanes);
}

template <class T, ResidualNorm N> void forward_norm(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end,
                                                     void* scratch) {
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
