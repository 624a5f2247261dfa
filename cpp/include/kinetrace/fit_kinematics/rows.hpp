// fit_kinematics, the maths: where the frames of a problem lie, and what a first look at them finds.
#pragma once
#include "../core/bits.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Where the frames of V's problems lie. Row `r` of lane `l` is at data[r * pitch + l].
template <class V, int D> struct FitRows {
  using T = scalar_of<V>;
  T* data;         // rows t * (D + 1) + d: positions, + D: weight
  int64_t pitch;
  T* time;         // row t: time, in seconds or frames
  int64_t time_pitch;
  T* extra;        // rows 2 t, 2 t + 1: weight before re-weighting, norm of the residual
  int64_t frames;
  // CPU: where the caller's arrays of this and the next problems begin, and the bytes that a frame of V takes there; 0, and
  // a place of ours, if they have gaps.
  const T* positions = nullptr;
  const T* weights = nullptr;
  int64_t position_bytes = 0, weight_bytes = 0;

  // AVX-512 has twice the registers, so that loading and summing fit into one pass.
  static constexpr bool kManyRegisters = sizeof(V) == 64;

  // Work on the rows leaves the memory idle, so it fetches the share of kFrames frames of the problems `groups` of V's
  // further on, into the first cache (kCache 3) or the second (2).
  template <int kCache, int kFrames = 1> KT_HD void fetch_positions(int64_t t, int64_t groups) const {
    fetch<kCache, D * int64_t(sizeof(V)), kFrames>(positions, groups * frames + t, position_bytes);
  }
  template <int kCache, int kFrames = 1> KT_HD void fetch_weights(int64_t t, int64_t groups) const {
    fetch<kCache, int64_t(sizeof(V)), kFrames>(weights, groups * frames + t, weight_bytes);
  }
  // kBytes is what `bytes` is unless 0. With few registers no branch: g++ would make loops of either kind, and spill in some.
  template <int kCache, int64_t kBytes, int kFrames>
  static KT_HD void fetch(const T* p, int64_t frame, int64_t bytes) {
#if !defined(__CUDACC__)
    if (kManyRegisters && !bytes) return;
    const char* from = reinterpret_cast<const char*>(p) + frame * (kManyRegisters ? kBytes : bytes);
    for (int64_t i = 0; i < kBytes * kFrames; i += 64) __builtin_prefetch(from + i, 0, kCache);
#else
    (void)p, (void)frame, (void)bytes;
#endif
  }

  KT_HD V position(int64_t t, int d) const { return load<V>(data + (t * (D + 1) + d) * pitch); }
  KT_HD V weight(int64_t t) const { return load<V>(data + (t * (D + 1) + D) * pitch); }
  KT_HD V time_at(int64_t t) const { return load<V>(time + t * time_pitch); }
  KT_HD void set_position(int64_t t, int d, V x) const { store(data + (t * (D + 1) + d) * pitch, x); }
  KT_HD void set_weight(int64_t t, V w) const { store(data + (t * (D + 1) + D) * pitch, w); }
  KT_HD void set_time(int64_t t, V x) const { store(time + t * time_pitch, x); }
  KT_HD V base_weight(int64_t t) const { return load<V>(extra + 2 * t * pitch); }
  KT_HD V norm(int64_t t) const { return load<V>(extra + (2 * t + 1) * pitch); }
  KT_HD void set_base_weight(int64_t t, V w) const { store(extra + 2 * t * pitch, w); }
  KT_HD void set_norm(int64_t t, V r) const { store(extra + (2 * t + 1) * pitch, r); }
};

// Weighted sums over the frames that a fit of order K is made of: <u^i, 1> and <u^i, y> for as many i as it needs.
template <class V, int D, int K> struct FitSums {
  using T = scalar_of<V>;
  struct Products {
    V w, wu, wuu;
  };
  V m1{T(0)}, m2{T(0)}, m3{T(0)}, m4{T(0)}, x[K < 2 ? K + 1 : 5 - K][D]{};

  // A frame: first its weight, then its position. Every product serves several sums, and additions stand in for
  // multiply-adds where the product is needed anyway: processors have separate units for them.
  KT_HD Products add_weight(V w, V u) {
    const V wu = w * u, wuu = wu * u;
    if constexpr (K >= 1) m1 = m1 + wu, m2 = m2 + wuu;
    if constexpr (K >= 2) {
      const V wuuu = wuu * u;
      m3 = m3 + wuuu;
      if constexpr (K == 2) m4 = fma(wuuu, u, m4);
    }
    return {w, wu, wuu};
  }
  KT_HD void add_position(int d, const Products& p, V y) {
    x[0][d] = fma(p.w, y, x[0][d]);
    if constexpr (K >= 1) x[1][d] = fma(p.wu, y, x[1][d]);
    if constexpr (K == 2) x[2][d] = fma(p.wuu, y, x[2][d]);
  }
};

// Quadratics over frame indices, the usual case, are made quick: u is a frame index less the mean, which costs an addition
// and needs no scale, the first look may gather the sums, and the residuals take a form of their own.
constexpr int kQuickOrder = 2;

// What the weights add up to.
template <class V> struct FitWeights {
  using T = scalar_of<V>;
  V largest{T(0)}, weight_sum{T(0)}, time_sum{T(0)};  // largest by pattern; times weighted

  // weighted: weights come from the caller. own_times: so do times, and those of points that are not used may be anything.
  KT_HD void see_weight(V w, V time, bool weighted, bool own_times) {
    const V zero{T(0)};
    if (weighted) largest = max_pattern(w, largest);
    weight_sum = weight_sum + w;
    time_sum = fma(w, own_times ? select(w != zero, time, zero) : time, time_sum);
  }
};

// First look: all weights in the order of the frames, weights_done(), then all positions in the order of the frames.
// The steps are separate so that the CPU takes them while it still has the rows in registers.
template <class V, int D> struct FitCentre : FitWeights<V> {
  using T = scalar_of<V>;
  using M = mask_of<V>;
  using FitWeights<V>::largest;
  using FitWeights<V>::weight_sum;
  using FitWeights<V>::time_sum;

  V weight_scale{T(1)};  // what brought the weights into range, a power of two
  V count{T(0)};
  V t_low{infinity<T>()}, t_high{-infinity<T>()};
  V span{T(0)}, scale{T(1)}, offset{T(0)};  // of the times; u = time * scale + offset
  V inverse_sum{T(0)};  // of the weights
  V reference[D]{};  // position of the first used point: any near the others serves
  int64_t found = 0;  // every problem has had its first used point before this frame, if it has one
  M invalid_weight{false};

  KT_HD void weights_done(const FitRows<V, D>& rows, bool weighted, bool own_times, bool quick) {
    const V zero{T(0)}, one{T(1)};
    if (weighted && any(!((largest >= V(T(1) / T(65536))) & (largest <= V(T(65536))))))
      check_and_scale(rows, own_times);
    find_span(rows, own_times);
    if (own_times)
      for (int64_t t = 0; t < rows.frames; ++t)
        rows.set_time(t, select(rows.weight(t) != zero, rows.time_at(t), t_low));
    inverse_sum = one / select(weight_sum > zero, weight_sum, one);
    span = select(t_high >= t_low, t_high - t_low, zero);
    if (!quick) scale = V(T(2)) / select(span > zero, span, V(T(2)));
    offset = -(time_sum * inverse_sum * scale);
  }

  // Which points of frame t are used; x: their positions, among them the references.
  KT_HD M see_used(int64_t t, V w, const V* x) {
    const M used = w != V(T(0));
    if (KT_RARELY(t < found))
      for (int d = 0; d < D; ++d) reference[d] = select(used & (count == V(T(0))), x[d], reference[d]);
    count = select(used, count + V(T(1)), count);
    return used;
  }
  // What stands for x in the rows; 0 where the point is not used.
  KT_HD V relative(int d, M used, V x) const { return select(used, x - reference[d], V(T(0))); }

  // All steps, from rows that hold the caller's numbers.
  KT_HD void see(const FitRows<V, D>& rows, bool weighted, bool own_times, bool quick) {
    for (int64_t t = 0; t < rows.frames; ++t) this->see_weight(rows.weight(t), rows.time_at(t), weighted, own_times);
    weights_done(rows, weighted, own_times, quick);
    for (int64_t t = 0; t < rows.frames; ++t) {
      V x[D];
      for (int d = 0; d < D; ++d) x[d] = rows.position(t, d);
      const M used = see_used(t, rows.weight(t), x);
      for (int d = 0; d < D; ++d) rows.set_position(t, d, relative(d, used, x[d]));
    }
  }

 private:
  // Earliest and latest time of a used point, and how far it is to the first one. Frame indices are in order: a few from
  // either end tell, four at a time, so that how many it takes is hardly ever a surprise.
  KT_HD void find_span(const FitRows<V, D>& rows, bool own_times) {
    const V zero{T(0)}, none = t_high;
    const int64_t n = rows.frames;
    M none_yet{true};
    for (; found < n && any(none_yet); found += 4)
      for (int64_t t = found; t < found + 4 && t < n; ++t) {
        const V time = rows.time_at(t);
        const M used = rows.weight(t) != zero;
        t_low = select(used & (time < t_low), time, t_low);
        none_yet = none_yet & !used;
      }
    if (own_times) {
      for (int64_t t = 0; t < n; ++t) {
        const V time = rows.time_at(t);
        const M used = rows.weight(t) != zero;
        t_low = select(used & (time < t_low), time, t_low);
        t_high = select(used & (time > t_high), time, t_high);
      }
      return;
    }
    for (int64_t end = n; end > 0 && any(t_high == none); end -= 4)
      for (int64_t t = end; t-- > 0 && t >= end - 4;) {
        const V time = rows.time_at(t);
        t_high = select((rows.weight(t) != zero) & (time > t_high), time, t_high);
      }
  }

  // Weights far from 1 would overflow or lose digits in the sums: their largest goes to [1, 2), by a power of two so that
  // it makes no difference where it was not needed. Lanes that need nothing get the same bits again.
  KT_HD void check_and_scale(const FitRows<V, D>& rows, bool own_times) {
    const V zero{T(0)}, one{T(1)};
    largest = zero;
    for (int64_t t = 0; t < rows.frames; ++t) largest = max(rows.weight(t), largest);
    const M extreme = (largest > V(T(65536))) | ((largest > zero) & (largest < V(T(1) / T(65536))));
    invalid_weight = (largest > zero) & (largest < V(limits<T>::smallest));
    weight_scale = select(extreme & !invalid_weight & is_finite(largest), one / power_of_two(largest), one);
    weight_sum = time_sum = zero;
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V w = rows.weight(t), time = rows.time_at(t);
      invalid_weight = invalid_weight | !((w >= zero) & is_finite(w));
      const V scaled =
          select(extreme & (w > zero), max(w * weight_scale, V(limits<T>::smallest)), w);  // used stays used
      rows.set_weight(t, scaled);
      weight_sum = weight_sum + scaled;
      time_sum = fma(scaled, own_times ? select(w != zero, time, zero) : time, time_sum);
    }
  }
};

KT_MATHS_END
