// The part of a mask that holds its pixels: found in one pass over the rows, then copied with room for whole vectors.
#pragma once
#include <kinetrace/core/tree_sum.hpp>

#include "masks_rows.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Rows [top, bottom) and columns [left, right) that hold all set pixels.
struct Box {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t count = 0;  // set pixels
};

// `columns` is room for one row, in whole vectors.
KT_HD Box find_box(const Rows& rows, int64_t height, int64_t width, uint8_t* columns) {
  Box box;
  memset(columns, 0, std::size_t((width + kVector - 1) / kVector * kVector));
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = rows[y];
    Words sum{};
    for (int64_t s = 0; s < width; s += kCountable * kVector) {
      Bytes counts{};
      const int64_t size = width - s < kCountable * kVector ? width - s : kCountable * kVector;
      over_vectors(size, [&](int64_t i, auto read) KT_INLINE {
        const Bytes set = set_pixels(read(row + s + i));
        uint8_t* column = columns + s + i;
        store_bytes(column, load_bytes(column) | set);
        counts += set;
      });
      sum += widen(counts);
    }
    const int64_t found = total(sum);
    if (!found) continue;
    if (!box.count) box.top = y;
    box.bottom = y + 1, box.count += found;
  }
  if (!box.count) return box;
  while (!columns[box.left]) ++box.left;
  box.right = width;
  while (!columns[box.right - 1]) --box.right;
  return box;
}

// The pixels of a box as bytes 0 and 0xff, in rows that begin at a column divisible by the lanes of a sum and end with a
// vector; what is added around the box is 0.
struct Tile {
  Box box;
  int64_t left = 0, pitch = 0;  // column of the first byte of a row; bytes per row
  uint8_t* pixels = nullptr;

  explicit Tile(const Box& of) : box(of), left(of.left / kSumLanes * kSumLanes) {
    pitch = (of.right - left + 63) / 64 * 64;
  }
  int64_t height() const { return box.bottom - box.top; }
  int64_t bytes() const { return height() * pitch; }
  const uint8_t* row(int64_t y) const { return pixels + (y - box.top) * pitch; }

  void copy(const Rows& rows) {
    const int64_t before = box.left - left, size = box.right - box.left;
    for (int64_t y = box.top; y < box.bottom; ++y) {
      uint8_t* to = pixels + (y - box.top) * pitch;
      const uint8_t* from = rows[y] + box.left;
      for (int64_t i = 0; i < before; ++i) to[i] = 0;
      for (int64_t i = 0; i < size; ++i) to[before + i] = from[i] ? 0xff : 0;
      for (int64_t i = before + size; i < pitch; ++i) to[i] = 0;
    }
  }
};

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
