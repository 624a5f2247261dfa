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
  // CPU: where the caller's arrays of this and the next problems begin, if they lie without gaps.
  const T* positions = nullptr;
  const T* weights = nullptr;

  // Passes over the rows leave the memory idle, so each fetches a frame's share of the problems `groups` of V's further on,
  // into the first cache (kCache 3) or the second (2).
  template <int kCache> KT_HD void fetch_later(int64_t t, int64_t groups) const {
#if !defined(__CUDACC__)
    constexpr int64_t W = int64_t(sizeof(V) / sizeof(T));
    const int64_t at = (groups * frames + t) * W;
    if (positions)
      for (int d = 0; d < D; ++d) __builtin_prefetch(positions + (at * D + d * W), 0, kCache);
    if (weights) __builtin_prefetch(weights + at, 0, kCache);
#else
    (void)t, (void)groups;
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

// First look: all weights in the order of the frames, weights_done(), then all positions in the order of the frames.
// The steps are separate so that the CPU takes them while it still has the rows in registers.
template <class V, int D> struct FitCentre {
  using T = scalar_of<V>;
  using M = mask_of<V>;

  V weight_scale{T(1)};       // what brought the weights into range, a power of two
  V count{T(0)}, weight_sum{T(0)}, time_sum{T(0)};
  V largest{T(0)};            // of the weights, by pattern
  V t_low{infinity<T>()}, t_high{-infinity<T>()};
  V last[D]{};                // used position
  M invalid_weight{false};

  // weighted: weights come from the caller. own_times: so do times, and those of points that are not used may be anything.
  KT_HD void see_weight(V w, V time, bool weighted, bool own_times) {
    const V zero{T(0)};
    if (weighted) largest = max_pattern(w, largest);
    count = select(w != zero, count + V(T(1)), count);
    weight_sum = weight_sum + w;
    time_sum = fma(w, own_times ? select(w != zero, time, zero) : time, time_sum);
  }

  KT_HD void weights_done(const FitRows<V, D>& rows, bool weighted, bool own_times) {
    const V zero{T(0)};
    if (weighted && any(!((largest >= V(T(1) / T(65536))) & (largest <= V(T(65536))))))
      check_and_scale(rows, own_times);
    find_span(rows, own_times);
    if (own_times)
      for (int64_t t = 0; t < rows.frames; ++t)
        rows.set_time(t, select(rows.weight(t) != zero, rows.time_at(t), t_low));
  }

  // Returns what stands for x in the rows: points that are not used repeat the last one that was.
  KT_HD V see_position(int d, V w, V x) {
    last[d] = select(w != V(T(0)), x, last[d]);
    return last[d];
  }

  // All steps, from rows that hold the caller's numbers.
  KT_HD void see(const FitRows<V, D>& rows, bool weighted, bool own_times) {
    for (int64_t t = 0; t < rows.frames; ++t) see_weight(rows.weight(t), rows.time_at(t), weighted, own_times);
    weights_done(rows, weighted, own_times);
    for (int64_t t = 0; t < rows.frames; ++t)
      for (int d = 0; d < D; ++d) rows.set_position(t, d, see_position(d, rows.weight(t), rows.position(t, d)));
  }

 private:
  // Earliest and latest time of a used point. Frame indices are in order: a few from either end tell.
  KT_HD void find_span(const FitRows<V, D>& rows, bool own_times) {
    const V zero{T(0)};
    M open_low{true}, open_high{true};
    for (int64_t t = 0; t < rows.frames && (own_times || any(open_low)); ++t) {
      const V time = rows.time_at(t);
      const M used = rows.weight(t) != zero;
      t_low = select(used & (time < t_low), time, t_low);
      open_low = open_low & !used;
    }
    for (int64_t t = rows.frames; t-- > 0 && (own_times || any(open_high));) {
      const V time = rows.time_at(t);
      const M used = rows.weight(t) != zero;
      t_high = select(used & (time > t_high), time, t_high);
      open_high = open_high & !used;
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
