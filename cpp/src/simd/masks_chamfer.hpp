// Chamfer distance of one image: a distance transform of either mask, only where the other one has pixels.
#pragma once
#include <kinetrace/masks/masks.hpp>

#include "../thread_pool.hpp"
#include "masks_search.hpp"
#include "masks_tile.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Arrays behind each other in scratch memory, each on a cache line.
class Carver {
 public:
  explicit Carver(void* memory) : memory_(static_cast<char*>(memory)) {}
  template <class T> T* take(int64_t count) {
    char* here = memory_ ? memory_ + used_ : nullptr;  // without memory it counts
    used_ += (count * int64_t(sizeof(T)) + 63) / 64 * 64;
    return reinterpret_cast<T*>(here);
  }
  int64_t used() const { return used_; }

 private:
  char* memory_;
  int64_t used_ = 0;
};

// Working memory of both directions, sized for the larger one.
struct Workplace {
  uint8_t *gathered, *pixels_a, *pixels_b;
  uint16_t *below, *above, *nearest;
  int16_t* squares;
  int32_t* columns;
  int64_t* heights;

  Workplace(Carver& carver, const Tile& a, const Tile& b, int64_t width) {
    const int64_t pitch = a.pitch > b.pitch ? a.pitch : b.pitch;
    const int64_t stored_a = a.height() * b.pitch, stored_b = b.height() * a.pitch;
    gathered = carver.take<uint8_t>(width);
    pixels_a = carver.take<uint8_t>(a.bytes()), pixels_b = carver.take<uint8_t>(b.bytes());
    below = carver.take<uint16_t>(stored_a > stored_b ? stored_a : stored_b);
    above = carver.take<uint16_t>(pitch), nearest = carver.take<uint16_t>(pitch);
    squares = carver.take<int16_t>(pitch + 2 * kMargin);
    columns = carver.take<int32_t>(pitch), heights = carver.take<int64_t>(pitch);
  }
};

// Distances from every pixel of one mask to the other mask, added up.
class Direction {
 public:
  Direction(const Tile& from, const Tile& to, const Workplace& work)
      : from_(from), to_(to), work_(work), envelope_(work.columns, work.heights) {}

  double sum() {
    go_up();
    double rows[kSumLanes] = {};
    const int16_t cut = kCut * kCut;
    for (int64_t i = 0; i < to_.pitch + 2 * kMargin; ++i) work_.squares[i] = cut;
    for (int64_t i = 0; i < to_.pitch; ++i) work_.above[i] = kMaskFar;
    int64_t y = from_.box.top < to_.box.top ? from_.box.top : to_.box.top;
    for (; y < from_.box.bottom; ++y) {
      if (y >= to_.box.top) step(y);
      if (y >= from_.box.top) rows[y % kSumLanes] += row(y);
    }
    tree_sum(rows);
    return rows[0];
  }

 private:
  const Tile &from_, &to_;
  const Workplace& work_;
  Envelope envelope_;
  bool far_ = false;  // the last row had pixels beyond the outward search: the next one is likely to have some

  // Distances along the columns, one row on in either direction.
  void step(int64_t y) const {
    if (y >= to_.box.top && y < to_.box.bottom) step_columns(work_.above, to_.row(y), to_.pitch);
    else step_empty_columns(work_.above, to_.pitch);
  }

  // To the nearest pixel at or below each place of the rows of from_.
  void go_up() {
    uint16_t* distance = work_.above;
    for (int64_t i = 0; i < to_.pitch; ++i) distance[i] = kMaskFar;
    int64_t y = (from_.box.bottom > to_.box.bottom ? from_.box.bottom : to_.box.bottom) - 1;
    for (; y >= from_.box.top; --y) {
      if (y < to_.box.bottom) step(y);
      if (y < from_.box.bottom)
        memcpy(work_.below + (y - from_.box.top) * to_.pitch, distance, std::size_t(to_.pitch) * sizeof *distance);
    }
  }

  double row(int64_t y) {
    join_columns(work_.above, work_.below + (y - from_.box.top) * to_.pitch, to_.pitch, work_.nearest,
                 work_.squares + kMargin);
    alignas(64) double lanes[kSumLanes];
    bool some = false;
    if (far_ || !near_row(y, lanes, some)) {
      for (double& lane : lanes) lane = 0;
      far_row(y, lanes);
      some = true;
    }
    if (!some) return 0;
    tree_sum(lanes);
    return lanes[0];
  }

  // False: a pixel is farther than the outward search goes. `some`: whether anything was added to `lanes`, which begin at 0.
  bool near_row(int64_t y, double* lanes, bool& some) const {
    const uint8_t* pixels = from_.row(y);
    alignas(64) int16_t found[kSumLanes];
    for (int64_t i = 0; i < from_.pitch; i += kSumLanes) {
      const int64_t x = from_.left + i - to_.left;  // as a column of to_
      const bool within = x + kSumLanes + kReach > 0 && x < to_.pitch + kReach;
      Shorts all{};
      for (int l = 0; l < kSumLanes; l += kShorts) {
        const Shorts wanted = wanted_lanes(pixels + i + l);
        Shorts squared{};
        if (any_of(wanted) && !(within && search_outwards(work_.squares + kMargin + x + l, wanted, squared)))
          return false;
        all |= squared, store_shorts(found + l, squared);
      }
      if (!any_of(all != Shorts{})) continue;
      if (!some)
        for (int l = 0; l < kSumLanes; ++l) lanes[l] = 0;
      some = true;
      for (int l = 0; l < kSumLanes; ++l) lanes[l] += pixel_distance(found[l]);
    }
    return true;
  }

  void far_row(int64_t y, double* lanes) {
    const uint8_t* pixels = from_.row(y);
    envelope_.build(work_.nearest, to_.pitch);
    int32_t farthest = 0;
    for (int64_t i = 0; i < from_.pitch; ++i) {
      if (!pixels[i]) continue;
      const int32_t squared = envelope_.at(from_.left + i - to_.left);
      farthest = squared > farthest ? squared : farthest;
      lanes[i % kSumLanes] += pixel_distance(squared);
    }
    far_ = farthest >= kResolved;
  }
};

double chamfer(const MasksArgs& a, int64_t image) {
  const int64_t room = (a.width + kVector - 1) / kVector * kVector;
  auto* row = static_cast<uint8_t*>(thread_scratch(std::size_t(2 * room)));
  const Box box_a = find_box(Rows(a.a, a.frames, image, a.width, row + room), a.height, a.width, row);
  const Box box_b = find_box(Rows(a.b, a.frames, image, a.width, row + room), a.height, a.width, row);
  if (!box_a.count || !box_b.count) return chamfer_of(0, box_a.count, 0, box_b.count);
  Tile tile_a(box_a), tile_b(box_b);
  Carver count(nullptr);
  const Workplace sizes(count, tile_a, tile_b, a.width);
  Carver carver(thread_scratch(std::size_t(count.used())));
  const Workplace work(carver, tile_a, tile_b, a.width);
  tile_a.pixels = work.pixels_a, tile_b.pixels = work.pixels_b;
  tile_a.copy(Rows(a.a, a.frames, image, a.width, work.gathered));
  tile_b.copy(Rows(a.b, a.frames, image, a.width, work.gathered));
  const double sum_a = Direction(tile_a, tile_b, work).sum(), sum_b = Direction(tile_b, tile_a, work).sum();
  return chamfer_of(sum_a, box_a.count, sum_b, box_b.count);
}

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
