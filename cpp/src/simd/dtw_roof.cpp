// The instruction roof of dtw on one instruction set.
#include "dtw_roof.hpp"

#include "dtw_lane_tile.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

constexpr int kTogether = 12;  // enough to hide every latency, few enough for 16 registers

template <class T, bool kPatterns> int64_t cells_done(int64_t cells) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  V x(T(1)), y(T(2)), up(T(3)), left(T(4));
  int64_t done = 0;
  for (; done < cells; done += kTogether * W)
    unroll<kTogether>([&](auto) KT_INLINE {
      keep_apart(x), keep_apart(up);
      const V d = x - y;
      V cell = fma(d, d, least<kPatterns>(least<kPatterns>(up, left), y));
      keep_apart(cell);
    });
  return done;
}

template <class T> int64_t coordinates_done(int64_t coordinates) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  V x(T(1)), y(T(2)), sum[kTogether];
  int64_t done = 0;
  for (; done < coordinates; done += kTogether * W)
    unroll<kTogether>([&](auto k) KT_INLINE {
      keep_apart(x);
      const V d = x - y;
      sum[k] = fma(d, d, sum[k]);
    });
  unroll<kTogether>([&](auto k) KT_INLINE { keep_apart(sum[k]); });
  return done;
}

}  // namespace

int64_t dtw_roof(bool is_double, bool coordinates, int64_t cells) {
  if (coordinates) return is_double ? coordinates_done<double>(cells) : coordinates_done<float>(cells);
  return is_double ? cells_done<double, false>(cells) : cells_done<float, KT_VECTOR_BYTES >= 32>(cells);
}

}  // namespace KT_ABI
}  // namespace kinetrace
