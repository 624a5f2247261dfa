// fit_kinematics on one instruction set: one problem per lane. Compiled once per level with KT_ABI naming it.
#include "fit_kinematics.hpp"

#include <kinetrace/fit_kinematics/finish.hpp>

#include "fit_load.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// Rows of a group in the scratch memory. Their pitch is a constant to every function that calls this.
template <class T, int D> KT_HD FitRows<NativePack<T>, D> rows_in(T* scratch, const FitKinematicsArgs<T>& a,
                                                                  int64_t problem) {
  constexpr int W = kLanes<T>;
  T* times = scratch + a.frames * (D + 1) * W;
  const Strided<const T, 3>& x = a.positions;
  const bool packed = x.stride[2] == 1 && x.stride[1] == D && x.stride[0] == a.frames * D;
  const bool packed_weights = a.weights.data && a.weights.stride[1] == 1 && a.weights.stride[0] == a.frames;
  constexpr int64_t bytes = W * sizeof(T);
  return {scratch,
          W,
          times,
          W,
          times + a.frames * W,
          a.frames,
          packed ? x.data + problem * a.frames * D : scratch,
          packed_weights ? a.weights.data + problem * a.frames : scratch,
          packed ? D * bytes : 0,
          packed_weights ? bytes : 0};
}
template <class T, int D> KT_HD T* space_in(T* scratch, const FitKinematicsArgs<T>& a) {
  return scratch + a.frames * (D + 2 + (a.robust == Robust::none ? 0 : 2)) * kLanes<T>;
}

template <class V, int D> KT_HD void put_weight(const FitRows<V, D>& rows, FitWeights<V>& seen, int64_t t, V w,
                                                bool weighted, bool own_times) {
  if (rows.kManyRegisters) rows.template fetch_positions<3>(t, 0);
  rows.set_weight(t, w);
  seen.see_weight(w, rows.time_at(t), weighted, own_times);
}

// Fills the rows of a group, times and weights first; every row is looked at while it is still in registers. No closure has
// a name, and no local that matters is const: g++ 12 would keep both, and what they refer to, in memory.
#if KT_VECTOR_BYTES == 64  // called from two places
#define KT_LOAD_WEIGHTS __attribute__((noinline))
#else
#define KT_LOAD_WEIGHTS KT_HD
#endif
template <class T, int D> KT_LOAD_WEIGHTS FitWeights<NativePack<T>> load_weights(const FitKinematicsArgs<T>& a,
                                                                                 FitGroup<T> g, T* scratch) {
  using V = NativePack<T>;
  FitRows<V, D> rows = rows_in<T, D>(scratch, a, g.first);
  T* space = space_in<T, D>(scratch, a);
  const bool weighted = a.weights.data, own_times = a.times.data;
  FitWeights<V> seen;
  if (own_times) for_each_frame(a.times, a.frames, g, [&](int64_t t, V time) KT_INLINE { rows.set_time(t, time); });
  if (a.visible.data && weighted) {
    for_each_visibility(a.visible, a.frames, g, space, [&](int64_t t, V v) KT_INLINE { rows.set_weight(t, v); });
    for_each_frame(a.weights, a.frames, g, [&](int64_t t, V x) KT_INLINE {
      put_weight(rows, seen, t, select(rows.weight(t) != V(T(0)), x, V(T(0))), weighted, own_times);
    });
  } else if (a.visible.data) {
    for_each_visibility(a.visible, a.frames, g, space,
                        [&](int64_t t, V w) KT_INLINE { put_weight(rows, seen, t, w, weighted, own_times); });
  } else if (weighted) {
    for_each_frame(a.weights, a.frames, g,
                   [&](int64_t t, V w) KT_INLINE { put_weight(rows, seen, t, w, weighted, own_times); });
  } else {
    for (int64_t t = 0; t < a.frames; ++t) put_weight(rows, seen, t, V(T(1)), weighted, own_times);
  }
  return FitWeights<V>(seen);  // not the local itself, which would then live in memory
}

// The rest of the rows. kSums: gathers the sums of a quick fit on the way, if there are registers for that.
template <class T, int D, bool kSums>
KT_HD FitCentre<NativePack<T>, D> look_at_group(const FitKinematicsArgs<T>& a, FitGroup<T> g, T* scratch, bool quick,
                                                FitSums<NativePack<T>, D, kQuickOrder>& result) {
  using V = NativePack<T>;
  FitRows<V, D> rows = rows_in<T, D>(scratch, a, g.first);
  FitCentre<V, D> seen;
  FitSums<V, D, kQuickOrder> sums;
  static_cast<FitWeights<V>&>(seen) = load_weights<T, D>(a, g, scratch);
  seen.weights_done(rows, a.weights.data, a.times.data, quick);
  for_each_position<D>(a.positions, a.frames, g, [&](int64_t t, const V* x) KT_INLINE {
    auto used = seen.see_used(t, rows.weight(t), x);
    if constexpr (kSums) {
      rows.template fetch_positions<2>(t, 4);
      rows.template fetch_weights<2>(t, 4);
      auto products = sums.add_weight(rows.weight(t), rows.time_at(t) + seen.offset);
      unroll<D>([&](auto d) KT_INLINE {
        V y = seen.relative(d, used, x[d]);
        rows.set_position(t, d, y);
        sums.add_position(d, products, y);
      });
    } else {
      unroll<D>([&](auto d) KT_INLINE { rows.set_position(t, d, seen.relative(d, used, x[d])); });
    }
  });
  if (kSums) result = sums;
  return FitCentre<V, D>(seen);
}

// Not inlined: large, and the same for every order.
template <class T, int D> __attribute__((noinline)) FitCentre<NativePack<T>, D> load_group(
    const FitKinematicsArgs<T>& a, FitGroup<T> g, T* scratch, bool quick) {
  FitSums<NativePack<T>, D, kQuickOrder> none;
  return look_at_group<T, D, false>(a, g, scratch, quick, none);
}

// Writes N values of each problem, which lie in registers by value, to `width`-strided places by problem.
template <class T, int N> KT_HD void write_values(T* out, const FitGroup<T>& g, const NativePack<T>* values) {
  using V = NativePack<T>;
  constexpr int C = kQuarter<T>;
  if (N < C || !g.full()) {
    T x[N][g.W];
    for (int i = 0; i < N; ++i) store(x[i], values[i]);
    for (int l = 0; l < g.used; ++l)
      for (int i = 0; i < N; ++i) out[(g.first + l) * N + i] = x[i][l];
    return;
  }
  const RowBlock<T, g.W> rows{out + g.first * N, N};
  unroll<(N + C - 1) / C>([&](auto i) KT_INLINE {
    constexpr int at = C * i + C <= N ? C * i : N - C;  // the last block overlaps
    V r[C];
    unroll<C>([&](auto k) KT_INLINE { r[k] = values[at + k]; });
    rows.store_columns(at, r);
  });
}
template <class T> KT_HD void write_value(T* out, const FitGroup<T>& g, NativePack<T> value) {
  if (g.full()) return store(out + g.first, value);
  for (int l = 0; l < g.used; ++l) out[g.first + l] = value[l];
}
template <class T> KT_HD void write_integer(int32_t* out, const FitGroup<T>& g, NativePack<T> value) {
  typedef int32_t Integers __attribute__((vector_size(g.W * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));
  if (g.full()) {
    *reinterpret_cast<Integers*>(out + g.first) = __builtin_convertvector(value.v, Integers);
    return;
  }
  for (int l = 0; l < g.used; ++l) out[g.first + l] = int32_t(value[l]);
}

// Where the results of a group go.
template <class T, int D, int K> struct FitOut {
  using V = NativePack<T>;
  const FitKinematicsArgs<T>& a;
  FitGroup<T> g;

  KT_HD void solution(const FitSolution<V, D, K>& r) const {
    write_values<T, (K + 1) * D>(a.coefficients, g, &r.coefficients[0][0]);
    write_values<T, (K + 1) * (K + 1)>(a.covariance, g, &r.covariance[0][0]);
  }
  KT_HD void quality(const FitQuality<V>& r) const {
    write_value(a.residual_rms, g, r.residual_rms);
    write_value(a.r_squared, g, r.r_squared);
    write_integer(a.n_points, g, r.n_points);
    write_integer(a.status, g, r.status);
    if (any(r.status != V(T(0)))) spoil();
  }

 private:
  KT_HD void spoil() const {
    for (int64_t i = g.first; i < g.first + g.used; ++i) {
      if (a.status[i] == kOk) continue;
      for (int j = 0; j < (K + 1) * D; ++j) a.coefficients[i * (K + 1) * D + j] = quiet_nan<T>();
      for (int j = 0; j < (K + 1) * (K + 1); ++j) a.covariance[i * (K + 1) * (K + 1) + j] = quiet_nan<T>();
    }
  }
};

template <class T, int D, int K> void run(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  using V = NativePack<T>;
  constexpr int W = kLanes<T>;
  const bool own_times = a.times.data, quick = K == kQuickOrder && !own_times;
  const T per_second = own_times ? T(1) : T(1 / a.dt);
  if (!own_times)
    for (int64_t t = 0; t < a.frames; ++t) rows_in<T, D>(scratch, a, 0).set_time(t, V(T(t)));
  for (int64_t i = begin; i < end; i += W) {
    FitGroup<T> g(i, end);
    FitRows<V, D> rows = rows_in<T, D>(scratch, a, i);
    const FitOut<T, D, K> out{a, g};
    FitSums<V, D, K> sums;
    if constexpr (K == kQuickOrder && rows.kManyRegisters) {
      const FitCentre<V, D> seen =
          quick ? look_at_group<T, D, true>(a, g, scratch, true, sums) : load_group<T, D>(a, g, scratch, false);
      fit_seen<V, D, K>(rows, seen, quick, quick, sums, a.robust, a.threshold, a.iterations, per_second, out);
    } else {
      fit_seen<V, D, K>(rows, load_group<T, D>(a, g, scratch, quick), quick, false, sums, a.robust, a.threshold,
                        a.iterations, per_second, out);
    }
  }
}

template <class T, int D> void select_order(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  switch (a.order) {
    case 0: return run<T, D, 0>(a, begin, end, scratch);
    case 1: return run<T, D, 1>(a, begin, end, scratch);
    case 2: return run<T, D, 2>(a, begin, end, scratch);
    default: return run<T, D, 3>(a, begin, end, scratch);
  }
}
template <class T> void select_dims(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  switch (a.dims) {
    case 1: return select_order<T, 1>(a, begin, end, scratch);
    case 2: return select_order<T, 2>(a, begin, end, scratch);
    case 3: return select_order<T, 3>(a, begin, end, scratch);
    default: return select_order<T, 4>(a, begin, end, scratch);
  }
}

}  // namespace

void fit_kinematics(const FitKinematicsArgs<float>& a, int64_t begin, int64_t end, float* scratch) {
  select_dims(a, begin, end, scratch);
}
void fit_kinematics(const FitKinematicsArgs<double>& a, int64_t begin, int64_t end, double* scratch) {
  select_dims(a, begin, end, scratch);
}

}  // namespace KT_ABI
}  // namespace kinetrace
