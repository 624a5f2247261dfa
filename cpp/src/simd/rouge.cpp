// rouge on one instruction set: reference steps across lanes, two vectors side by side to hide the recurrence's latency.
#include "rouge.hpp"

#include <cstring>

namespace kinetrace {
namespace KT_ABI {
namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
using Lanes = uint64_t __attribute__((vector_size(kBytes)));
constexpr int kWidth = kBytes / 8, kVectors = 2;
static_assert(kOverlapLanes % (kWidth * kVectors) == 0, "rows are padded to whole passes");

KT_HD Lanes load(const uint64_t* from) {
  Lanes x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

}  // namespace

void overlap_pass(const uint64_t* masks, int64_t lanes, const OverlapPair* pairs, int64_t count, OverlapState* out) {
  for (int64_t lane = 0; lane < lanes; lane += kWidth * kVectors) {
    Lanes v[kVectors], unigrams[kVectors], bigrams[kVectors];
    for (int k = 0; k < kVectors; ++k) v[k] = ~Lanes{}, unigrams[k] = Lanes{}, bigrams[k] = Lanes{};
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t* now = masks + pairs[i].now * lanes + lane;
      const uint64_t* before = masks + pairs[i].before * lanes + lane;
#pragma GCC unroll 2
      for (int k = 0; k < kVectors; ++k) {
        const Lanes m = load(now + k * kWidth), x = v[k] & m;
        v[k] = (v[k] + x) | (v[k] - x);
        unigrams[k] |= lowest_bit(m & ~unigrams[k]);
        bigrams[k] |= lowest_bit((load(before + k * kWidth) << 1) & m & ~bigrams[k]);
      }
    }
    for (int k = 0; k < kVectors; ++k)
      for (int l = 0; l < kWidth; ++l) out[lane + k * kWidth + l] = {v[k][l], unigrams[k][l], bigrams[k][l]};
  }
}

}  // namespace KT_ABI
}  // namespace kinetrace
