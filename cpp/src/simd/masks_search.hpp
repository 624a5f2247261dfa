// The nearest pixel of a row when the distances along its columns are known: for many pixels at once by looking outwards, and
// for one after the other, however far, along the lower envelope of parabolas. Both are exact.
#pragma once
#include <kinetrace/masks/masks.hpp>

#include "masks_rows.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

typedef int16_t Shorts __attribute__((vector_size(KT_VECTOR_BYTES)));
typedef int16_t UnalignedShorts __attribute__((vector_size(KT_VECTOR_BYTES), aligned(2), may_alias));
typedef uint16_t UShorts __attribute__((vector_size(KT_VECTOR_BYTES)));
typedef uint16_t UnalignedUShorts __attribute__((vector_size(KT_VECTOR_BYTES), aligned(2), may_alias));
typedef int8_t HalfBytes __attribute__((vector_size(KT_VECTOR_BYTES / 2)));
typedef int8_t UnalignedHalfBytes __attribute__((vector_size(KT_VECTOR_BYTES / 2), aligned(1), may_alias));
constexpr int kShorts = KT_VECTOR_BYTES / 2;

// Columns that the outward search goes to either side, and where distances along columns are cut off: the largest sum of two
// squares just fits into 16 bits.
constexpr int kReach = 124, kCut = 128;
// Squares below this are exact when everything within reach has been seen.
constexpr int kResolved = (kReach + 1) * (kReach + 1);
static_assert(kReach * kReach + kCut * kCut < 32768 && kResolved <= kCut * kCut && kReach % 4 == 0, "16 bits");
// What a row of squares has around it, so that no search from within reach leaves it.
constexpr int64_t kMargin = (2 * kReach + kSumLanes + 63) / 64 * 64;

KT_HD Shorts load_shorts(const int16_t* p) { return (Shorts)(*reinterpret_cast<const UnalignedShorts*>(p)); }
KT_HD void store_shorts(int16_t* p, Shorts v) { *reinterpret_cast<UnalignedShorts*>(p) = (UnalignedShorts)v; }
KT_HD UShorts load_shorts(const uint16_t* p) { return (UShorts)(*reinterpret_cast<const UnalignedUShorts*>(p)); }
KT_HD void store_shorts(uint16_t* p, UShorts v) { *reinterpret_cast<UnalignedUShorts*>(p) = (UnalignedUShorts)v; }
KT_HD Shorts smaller(Shorts a, Shorts b) { return a < b ? a : b; }
KT_HD UShorts smaller(UShorts a, UShorts b) { return a < b ? a : b; }
KT_HD Shorts splat(int x) { return Shorts{} + int16_t(x); }
KT_HD bool any_of(Shorts mask) {
#if defined(__AVX512BW__)
  return _mm512_test_epi16_mask((__m512i)mask, (__m512i)mask);
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#elif defined(__SSE2__)
  return _mm_movemask_epi8((__m128i)mask);
#else
  bool found = false;
  for (int l = 0; l < kShorts; ++l) found |= mask[l] != 0;
  return found;
#endif
}

// -1 where bytes are set.
KT_HD Shorts wanted_lanes(const uint8_t* pixels) {
  return __builtin_convertvector((HalfBytes)(*reinterpret_cast<const UnalignedHalfBytes*>(pixels)), Shorts);
}

// Distances along columns, one row on: 0 where a pixel is set, else one more.
KT_HD void step_columns(uint16_t* distance, const uint8_t* pixels, int64_t size) {
  for (int64_t i = 0; i < size; i += kShorts)
    store_shorts(distance + i, (load_shorts(distance + i) + uint16_t(1)) & ~(UShorts)wanted_lanes(pixels + i));
}
KT_HD void step_empty_columns(uint16_t* distance, int64_t size) {
  for (int64_t i = 0; i < size; i += kShorts) store_shorts(distance + i, load_shorts(distance + i) + uint16_t(1));
}

// The nearer pixel of each column, and its squared distance, cut off.
KT_HD void join_columns(const uint16_t* above, const uint16_t* below, int64_t size, uint16_t* nearest,
                        int16_t* squares) {
  for (int64_t i = 0; i < size; i += kShorts) {
    const UShorts g = smaller(load_shorts(above + i), load_shorts(below + i));
    const UShorts cut = smaller(g, UShorts{} + uint16_t(kCut));
    store_shorts(nearest + i, g), store_shorts(squares + i, (Shorts)(cut * cut));
  }
}

// Squared distances of the wanted lanes, 0 elsewhere; `squares` are those along the columns, at the first lane's column.
// False: at least one is farther than the search goes.
KT_HD bool search_outwards(const int16_t* squares, Shorts wanted, Shorts& found) {
  Shorts best = load_shorts(squares);
  wanted &= best != Shorts{};
  found = Shorts{};
  if (!any_of(wanted)) return true;
  for (int dx = 1; any_of(wanted & (best > splat(dx * dx)));) {
    if (dx > kReach) return false;
    for (const int end = dx + 4; dx < end; ++dx)
      best = smaller(best, splat(dx * dx) + smaller(load_shorts(squares - dx), load_shorts(squares + dx)));
  }
  found = best & wanted;
  return true;
}

// The parabolas (x - column)^2 + g^2 that are lowest somewhere. Less x^2 they are the lines f - 2 x column with
// f = column^2 + g^2, and the lowest lines belong to the lower convex hull of the points (column, f).
class Envelope {
 public:
  Envelope(int32_t* columns, int64_t* heights) : column_(columns), f_(heights) {}

  void build(const uint16_t* g, int64_t width) {
    size_ = 0, at_ = 0;
    for (int64_t x = 0; x < width; ++x) {
      if (g[x] >= kMaskFar) continue;
      const int64_t f = squared_distance(int32_t(x), g[x]);
      while (size_ >= 2 && !turns_up(x, f)) --size_;
      column_[size_] = int32_t(x), f_[size_] = f, ++size_;
    }
  }

  // Squared distance from column x; calls must come with ascending x, and the row may not be empty.
  int32_t at(int64_t x) {
    while (at_ + 1 < size_ && f_[at_ + 1] - f_[at_] <= 2 * x * (column_[at_ + 1] - column_[at_])) ++at_;
    return int32_t(x * x - 2 * x * column_[at_] + f_[at_]);
  }

 private:
  // Whether the last point stays on the hull when (x, f) follows. Products stay below 2^47.
  bool turns_up(int64_t x, int64_t f) const {
    const int64_t c1 = column_[size_ - 1], c0 = column_[size_ - 2], f1 = f_[size_ - 1], f0 = f_[size_ - 2];
    return (f - f1) * (c1 - c0) > (f1 - f0) * (x - c1);
  }

  int32_t* column_;
  int64_t* f_;
  int64_t size_ = 0, at_ = 0;
};

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
