// Rows of masks as vectors of bytes: where a row lies, and how to walk over it and count what is set.
#pragma once
#include <cstdint>
#include <cstring>

#include <kinetrace/core/pack.hpp>
#include <kinetrace/masks/types.hpp>

namespace kinetrace {
namespace KT_ABI {
namespace {

constexpr int64_t kVector = KT_VECTOR_BYTES;
typedef uint8_t Bytes __attribute__((vector_size(KT_VECTOR_BYTES)));
typedef uint8_t UnalignedBytes __attribute__((vector_size(KT_VECTOR_BYTES), aligned(1), may_alias));
typedef uint64_t Words __attribute__((vector_size(KT_VECTOR_BYTES)));

// Vectors of set pixels that a byte can count.
constexpr int64_t kCountable = 255;

KT_HD Bytes load_bytes(const uint8_t* p) { return (Bytes)(*reinterpret_cast<const UnalignedBytes*>(p)); }
KT_HD void store_bytes(uint8_t* p, Bytes v) { *reinterpret_cast<UnalignedBytes*>(p) = (UnalignedBytes)v; }
// 1 where a pixel is set: one instruction, which g++ finds in simple functions only.
KT_HD Bytes set_pixels(Bytes v) {
  const Bytes one = Bytes{} + uint8_t(1);
#if defined(__AVX512BW__)
  return (Bytes)_mm512_min_epu8((__m512i)v, (__m512i)one);
#elif defined(__AVX2__)
  return (Bytes)_mm256_min_epu8((__m256i)v, (__m256i)one);
#elif defined(__SSE2__)
  return (Bytes)_mm_min_epu8((__m128i)v, (__m128i)one);
#else
  return v < one ? v : one;
#endif
}

// Each eight bytes added up.
KT_HD Words widen(Bytes counts) {
  const Words w = (Words)counts, low8 = Words{} + 0x00ff00ff00ff00ffu, low16 = Words{} + 0x0000ffff0000ffffu;
  const Words pairs = (w & low8) + ((w >> 8) & low8), fours = (pairs & low16) + ((pairs >> 16) & low16);
  return (fours + (fours >> 32)) & (Words{} + 0xffffffffu);
}
KT_HD int64_t total(Words w) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < kVector / 8; ++i) sum += w[i];
  return int64_t(sum);
}

// Readers of one vector: all of it, its last lanes, or a row that is shorter than a vector.
struct Whole {
  KT_HD Bytes operator()(const uint8_t* p) const { return load_bytes(p); }
};
struct Last {
  Bytes keep;
  KT_HD Bytes operator()(const uint8_t* p) const { return load_bytes(p) & keep; }
};
struct Short {
  int64_t size;
  KT_HD Bytes operator()(const uint8_t* p) const {
    alignas(64) uint8_t padded[kVector] = {};
    memcpy(padded, p, std::size_t(size));
    return load_bytes(padded);
  }
};

// Calls use(position, reader) so that every one of `size` bytes is read once, and nothing outside of them: the last vector
// overlaps the one before and leaves out what that has read.
template <class Use> KT_HD void over_vectors(int64_t size, const Use& use) {
  int64_t i = 0;
  for (; i + kVector <= size; i += kVector) use(i, Whole{});
  if (i == size) return;
  if (size < kVector) return use(int64_t(0), Short{size});
  alignas(64) uint8_t keep[kVector];
  for (int64_t l = 0; l < kVector; ++l) keep[l] = l < kVector - (size - i) ? 0 : 0xff;
  use(size - kVector, Last{load_bytes(keep)});
}

// The rows of one image: where they lie if their pixels are neighbours, else gathered one at a time.
class Rows {
 public:
  Rows(const Strided<const uint8_t, 4>& masks, int64_t frames, int64_t image, int64_t width, uint8_t* row)
      : first_(masks.data + image / frames * masks.stride[0] + image % frames * masks.stride[1]),
        down_(masks.stride[2]),
        right_(masks.stride[3]),
        width_(width),
        row_(row) {}

  const uint8_t* operator[](int64_t y) const {
    const uint8_t* p = first_ + y * down_;
    if (in_place()) return p;
    for (int64_t x = 0; x < width_; ++x) row_[x] = p[x * right_];
    return row_;
  }
  bool in_place() const { return right_ == 1 || width_ == 1; }
  bool contiguous(int64_t height) const { return in_place() && (down_ == width_ || height == 1); }

 private:
  const uint8_t* first_;
  int64_t down_, right_, width_;
  uint8_t* row_;  // room for one row
};

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
