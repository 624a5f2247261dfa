// masks on one instruction set: counting set pixels at the speed of memory, and Chamfer distances.
#include "masks.hpp"

#include <kinetrace/masks/masks.hpp>

#include "../thread_pool.hpp"
#include "masks_chamfer.hpp"
#include "masks_rows.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Set pixels of two rows; each is also added to the count of its column.
KT_HD void count_rows(const uint8_t* a, const uint8_t* b, int64_t width, uint8_t* columns, Words& in_a, Words& in_b) {
  for (int64_t s = 0; s < width; s += kCountable * kVector) {
    Bytes counts_a{}, counts_b{};
    const int64_t size = width - s < kCountable * kVector ? width - s : kCountable * kVector;
    over_vectors(size, [&](int64_t i, auto read) KT_INLINE {
      const Bytes set_a = set_pixels(read(a + s + i)), set_b = set_pixels(read(b + s + i));
      uint8_t* column = columns + s + i;
      store_bytes(column, load_bytes(column) + (set_a + set_b));
      counts_a += set_a, counts_b += set_b;
    });
    in_a += widen(counts_a), in_b += widen(counts_b);
  }
}

// Set pixels of both rows, and of either.
KT_HD void count_overlap(const uint8_t* a, const uint8_t* b, int64_t width, Words& both, Words& either) {
  for (int64_t s = 0; s < width; s += kCountable * kVector) {
    Bytes in_both{}, in_either{};
    const int64_t size = width - s < kCountable * kVector ? width - s : kCountable * kVector;
    over_vectors(size, [&](int64_t i, auto read) KT_INLINE {
      const Bytes set_a = set_pixels(read(a + s + i)), set_b = set_pixels(read(b + s + i));
      in_both += set_a & set_b, in_either += set_a | set_b;
    });
    both += widen(in_both), either += widen(in_either);
  }
}

}  // namespace

void mask_centroids(const MasksArgs& a, int64_t image) {
  const int64_t room = (a.width + kVector - 1) / kVector * kVector;
  auto* columns = static_cast<uint8_t*>(thread_scratch(std::size_t(4 * room)));
  uint8_t* nothing = columns + 3 * room;
  memset(nothing, 0, std::size_t(room));
  const Rows rows_a(a.a, a.frames, image, a.width, columns + room),
      rows_b(a.a, a.frames, image, a.width, columns + 2 * room);
  const int64_t half = (a.height + 1) / 2;
  int64_t sum_x = 0;
  Words passed_a{}, passed_b{}, before_a{}, before_b{};
  for (int64_t y = 0; y < half;) {
    memset(columns, 0, std::size_t(room));
    const int64_t end = half - y < kCountable / 2 ? half : y + kCountable / 2;
    for (; y < end; ++y) {
      before_a += passed_a, before_b += passed_b;
      count_rows(rows_a[y], half + y < a.height ? rows_b[half + y] : nothing, a.width, columns, passed_a, passed_b);
    }
    for (int64_t x = 0; x < a.width; ++x) sum_x += x * columns[x];
  }
  const int64_t upper = total(passed_a), lower = total(passed_b), count = upper + lower;
  const int64_t sum_y = (half - 1) * upper - total(before_a) + (2 * half - 1) * lower - total(before_b);
  a.value[2 * image] = centroid_of(sum_x, count), a.value[2 * image + 1] = centroid_of(sum_y, count);
}

void mask_iou(const MasksArgs& a, int64_t image) {
  auto* gathered = static_cast<uint8_t*>(thread_scratch(std::size_t(2 * a.width)));
  const Rows rows_a(a.a, a.frames, image, a.width, gathered), rows_b(a.b, a.frames, image, a.width, gathered + a.width);
  const bool one = a.height && rows_a.contiguous(a.height) && rows_b.contiguous(a.height);
  const int64_t height = one ? 1 : a.height, width = one ? a.width * a.height : a.width;
  Words both{}, either{};
  for (int64_t y = 0; y < height; ++y) count_overlap(rows_a[y], rows_b[y], width, both, either);
  a.value[image] = iou_of(total(both), total(either));
}

void mask_chamfer(const MasksArgs& a, int64_t image) { a.value[image] = chamfer(a, image); }

}  // namespace KT_ABI
}  // namespace kinetrace
