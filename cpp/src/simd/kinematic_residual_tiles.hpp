// Blocks of consecutive pixels of strided planes: read in place where the pixels lie side by side, else gathered in cache.
#pragma once
#include <kinetrace/kinematic_residual/residual.hpp>

#include "kinematic_residual.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Pixels [first, first + count) of every plane of a problem; `padded` of them are computed, whole groups of lanes.
struct Block {
  int64_t problem, first;
  int count, padded;
};

template <class T> Block block_at(const KinematicResidualArgs<T>& a, int64_t index) {
  const int64_t per_problem = residual_blocks(a), first = index % per_problem * kResidualBlock;
  const int count = int(a.pixels() - first < kResidualBlock ? a.pixels() - first : kResidualBlock);
  return {index / per_problem, first, count, (count + kResidualLanes - 1) / kResidualLanes * kResidualLanes};
}

// One plane as the caller holds it, strides in elements.
template <class S> struct Plane {
  const S* data;
  int64_t row, column;
};

template <class S> bool is_flat(int64_t row, int64_t column, int64_t height, int64_t width) {
  return (width == 1 || column == 1) && (height == 1 || row == width);
}

// put(i, pixel) for the block's pixels in order.
template <class S, class Put> KT_HD void for_pixels(const Plane<S>& plane, int64_t width, const Block& block,
                                                    const Put& put) {
  int64_t y = block.first / width, x = block.first % width;
  for (int i = 0; i < block.count; x = 0, ++y) {
    const int run = int(width - x < block.count - i ? width - x : block.count - i);
    const S* s = plane.data + y * plane.row + x * plane.column;
    if (plane.column == 1) {
      for (int k = 0; k < run; ++k) put(i + k, s[k]);
    } else {
      for (int k = 0; k < run; ++k) put(i + k, s[k * plane.column]);
    }
    i += run;
  }
}

template <class T> KT_HD void pad(T* tile, const Block& block) {
  for (int i = block.count; i < block.padded; ++i) tile[i] = T(0);
}

// The block's pixels of the planes of a (T, C, H, W) array, the last `kSlots` frames filled in order at hand.
template <class T, int kSlots> class FlowTiles {
 public:
  FlowTiles(const Strided<const T, 5>& s, int64_t height, int64_t width, const Block& block, T* tiles)
      : s_(s),
        width_(width),
        block_(block),
        tiles_(tiles),
        channels_(int(s.extent[2])),
        base_(s.data + block.problem * s.stride[0]) {
    in_place_ = is_flat<T>(s.stride[3], s.stride[4], height, width) && block.count == block.padded;
  }
  // Makes frames up to and including t available; t never goes back.
  void fill(int64_t t) {
    if (in_place_) return;
    for (; filled_ <= t; ++filled_)
      for (int c = 0; c < channels_; ++c) {
        T* tile = slot(filled_, c);
        for_pixels(Plane<T>{base_ + filled_ * s_.stride[1] + c * s_.stride[2], s_.stride[3], s_.stride[4]}, width_,
                   block_, [tile](int i, T x) { tile[i] = x; });
        pad(tile, block_);
      }
  }
  const T* plane(int64_t t, int c) const {
    if (in_place_) return base_ + t * s_.stride[1] + c * s_.stride[2] + block_.first;
    return slot(t, c);
  }
  // Elements between the same pixel of frames that far apart; 0 where tiles stand for the planes.
  int64_t frames_ahead(int64_t frames) const { return in_place_ ? frames * s_.stride[1] : 0; }

 private:
  T* slot(int64_t t, int c) const { return tiles_ + (t % kSlots * channels_ + c) * kResidualBlock; }

  const Strided<const T, 5>& s_;
  int64_t width_;
  const Block& block_;
  T* tiles_;
  int channels_;
  const T* base_;
  bool in_place_;
  int64_t filled_ = 0;
};

template <class T, class S> void mask_tile(const KinematicResidualArgs<T>& a, const Strided<const S, 4>& m, int64_t t,
                                           const Block& block, T* tile) {
  const auto at = [&](int64_t frame) {
    return Plane<S>{m.data + block.problem * m.stride[0] + frame * m.stride[1], m.stride[2], m.stride[3]};
  };
  const auto set = [tile](int i, S x) { tile[i] = T(x); };
  const auto smaller = [tile](int i, S x) { tile[i] = weight_min(tile[i], T(x)); };
  const auto larger = [tile](int i, S x) { tile[i] = weight_max(tile[i], T(x)); };
  switch (a.mask_rule) {
    case MaskRule::explicit_: return for_pixels(at(t - 1), a.width, block, set);
    case MaskRule::center: return for_pixels(at(t), a.width, block, set);
    case MaskRule::all:
      for_pixels(at(t - 1), a.width, block, set);
      for_pixels(at(t), a.width, block, smaller);
      return for_pixels(at(t + 1), a.width, block, smaller);
    case MaskRule::any:
      for_pixels(at(t - 1), a.width, block, set);
      for_pixels(at(t), a.width, block, larger);
      return for_pixels(at(t + 1), a.width, block, larger);
  }
}

// Weights of residual t (1 <= t <= T-2); the padding has weight 0. Without a mask: ones.
template <class T> void weight_tile(const KinematicResidualArgs<T>& a, int64_t t, const Block& block, T* tile) {
  if (a.mask_bytes.data) mask_tile(a, a.mask_bytes, t, block, tile);
  else if (a.mask_values.data) mask_tile(a, a.mask_values, t, block, tile);
  else
    for (int i = 0; i < block.count; ++i) tile[i] = T(1);
  pad(tile, block);
}

// Where a contiguous output block is written: in place, or through a tile where the last lanes hang over.
template <class T> KT_HD T* output_tile(T* out, T* tile, const Block& block) {
  return block.count == block.padded ? out : tile;
}
template <class T> KT_HD void finish_output(T* out, const T* tile, const Block& block) {
  if (block.count != block.padded)
    for (int i = 0; i < block.count; ++i) out[i] = tile[i];
}

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
