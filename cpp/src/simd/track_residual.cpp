// track_residual on one instruction set: a strip of tracks, its coordinates side by side in double, frame after frame.
#include "track_residual.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/track_residual/residual.hpp>

namespace kinetrace {
namespace KT_ABI {
namespace {

using V = NativePack<double>;
constexpr int W = KT_VECTOR_BYTES / int(sizeof(double));

// Four rows of a strip; row t of the caller is row t & 3 here. Lanes past the last track hold zeros.
template <int D> struct Ring {
  static constexpr int64_t kRow = kTrackStrip * D;
  alignas(64) double rows[4][kRow];
  double* operator[](int64_t t) { return rows[t & 3]; }
};

template <class T, int D> class Strip {
 public:
  Strip(const TrackResidualArgs<T>& args, int64_t problem, int64_t first)
      : a(args),
        b(problem),
        n0(first),
        count(args.tracks - first < kTrackStrip ? args.tracks - first : kTrackStrip),
        used((count * D + W - 1) / W * W),
        masked(args.visible.data) {
    for (int64_t i = count * D; i < used; ++i)
      for (int64_t t = 0; t < 4; ++t) positions[t][i] = run[i] = 0;
    if (masked)
      for (int64_t n = 0; n < kTrackStrip; ++n) seen[n] = 0;
  }

  // Residuals that count, of frames [0, T-3), as sums of groups into the workspace.
  void reduce() {
    double sum[kRow];
    for (int64_t i = 0; i < used; ++i) sum[i] = 0;
    begin();
    for (int64_t t = 0; t + 3 < a.frames; ++t) {
      load(t + 3);
      each(t, [&](int64_t i, V r, Mask<double, W> valid) {
        const V old = kinetrace::load<V>(sum + i);
        store(sum + i, select(valid, accumulate(a.norm, r, old), old));
      });
    }
    write_groups(sum);
  }

  // The values of all residuals, 0 where they do not count.
  void field() {
    double residual[kRow];
    begin();
    for (int64_t t = 0; t + 3 < a.frames; ++t) {
      load(t + 3);
      const int64_t row = (b * (a.frames - 3) + t) * a.tracks + n0;
      each(t, [&](int64_t i, V r, Mask<double, W> valid) { store(residual + i, select(valid, r, V(0.0))); });
      if (a.norm == ResidualNorm::signed_) {
        for (int64_t i = 0; i < count * D; ++i) a.value[row * D + i] = T(per_frame(a.norm, a.dt, residual[i]));
        continue;
      }
      for (int64_t n = 0; n < count; ++n) {
        double sum = 0;
        for (int d = 0; d < D; ++d) sum = accumulate(a.norm, residual[n * D + d], sum);
        a.value[row + n] = T(per_frame(a.norm, a.dt, sum));
      }
    }
  }

  // Gradient with respect to the positions.
  void backward() {
    Ring<D> q;
    double factor[kRow];
    for (int64_t t = 0; t < 4; ++t)
      for (int64_t i = 0; i < used; ++i) q[t][i] = 0;
    for (int64_t i = 0; i < used; ++i) factor[i] = 0;
    const bool field = a.reduction == ResidualReduction::none;
    if (!field) load_factor(factor);
    begin();
    for (int64_t t = 0; t < a.frames; ++t) {
      double* now = q[t];
      if (t + 3 < a.frames) {
        load(t + 3);
        if (field) load_factor_row(t, factor);
        each(t, [&](int64_t i, V r, Mask<double, W> valid) {
          store(now + i, select(valid, slope(a.norm, r, kinetrace::load<V>(factor + i)), V(0.0)));
        });
      } else {
        for (int64_t i = 0; i < used; ++i) now[i] = 0;
      }
      T* out = a.gradient + ((b * a.frames + t) * a.tracks + n0) * D;
      const double *q1 = q[t + 3], *q2 = q[t + 2], *q3 = q[t + 1];  // t-1, t-2, t-3
      double row[kRow];
      for (int64_t i = 0; i < used; i += W)
        store(row + i, spread(kinetrace::load<V>(now + i), kinetrace::load<V>(q1 + i), kinetrace::load<V>(q2 + i),
                              kinetrace::load<V>(q3 + i)));
      for (int64_t i = 0; i < count * D; ++i) out[i] = T(row[i]);
    }
  }

 private:
  static constexpr int64_t kRow = Ring<D>::kRow;
  const TrackResidualArgs<T>& a;
  int64_t b, n0, count, used;  // problem, first track, tracks, elements rounded up to registers
  bool masked;
  int64_t counted = 0;  // residuals that count
  Ring<D> positions;
  alignas(64) double seen[kTrackStrip];  // frames in a row that each track has been visible
  alignas(64) double run[kRow];          // the same for each element of a row

  void begin() {
    for (int64_t t = 0; t < 3; ++t) load(t);
  }

  // Frame t into the ring.
  void load(int64_t t) {
    const auto& p = a.positions;
    const T* source = p.data + b * p.stride[0] + t * p.stride[1] + n0 * p.stride[2];
    double* row = positions[t];
    if (p.stride[3] == 1 && p.stride[2] == D) {
      for (int64_t i = 0; i < count * D; ++i) row[i] = double(source[i]);
    } else {
      for (int64_t n = 0; n < count; ++n)
        for (int d = 0; d < D; ++d) row[n * D + d] = double(source[n * p.stride[2] + d * p.stride[3]]);
    }
    if (masked) load_visible(t);
    else counted += t >= 3 ? count : 0;
  }

  void load_visible(int64_t t) {
    const auto& v = a.visible;
    const uint8_t* source = v.data + b * v.stride[0] + t * v.stride[1] + n0 * v.stride[2];
    const int64_t step = v.stride[2];
    int64_t found = 0;
    if (step == 1) {
      for (int64_t n = 0; n < count; ++n) seen[n] = source[n] ? seen[n] + 1 : 0;
    } else {
      for (int64_t n = 0; n < count; ++n) seen[n] = source[n * step] ? seen[n] + 1 : 0;
    }
    for (int64_t n = 0; n < count; ++n) found += seen[n] >= 4;
    for (int64_t n = 0; n < count; ++n)
      for (int d = 0; d < D; ++d) run[n * D + d] = seen[n];
    counted += found;
  }

  // Calls use(i, residual, counts) for the registers of residual t.
  template <class Use> KT_HD void each(int64_t t, const Use& use) {
    const double *p0 = positions[t], *p1 = positions[t + 1], *p2 = positions[t + 2], *p3 = positions[t + 3];
    for (int64_t i = 0; i < used; i += W) {
      const V r = third_difference(kinetrace::load<V>(p0 + i), kinetrace::load<V>(p1 + i), kinetrace::load<V>(p2 + i),
                                   kinetrace::load<V>(p3 + i));
      use(i, r, masked ? kinetrace::load<V>(run + i) >= V(4.0) : Mask<double, W>(true));
    }
  }

  void write_groups(const double* sum) {
    const int sums = sums_of(a);
    double* out = a.workspace + (b * groups_of(a) + n0 / kTrackLanes) * (sums + 1);
    for (int64_t n = 0; n < count; n += kTrackLanes, out += sums + 1) {
      for (int c = 0; c < sums; ++c) {
        double lanes[kTrackLanes] = {};
        for (int64_t l = 0; l < kTrackLanes && n + l < count; ++l) {
          const double* of_track = sum + (n + l) * D;
          double s = of_track[c];
          if (a.norm != ResidualNorm::signed_)
            for (int d = 1; d < D; ++d) s = s + of_track[d];
          lanes[l] = s;
        }
        tree_sum(lanes);
        out[c] = lanes[0];
      }
      out[sums] = n == 0 ? double(counted) : 0;  // whole numbers: exact wherever they stand
    }
  }

  void load_factor(double* factor) {
    const int sums = sums_of(a);
    for (int d = 0; d < D; ++d) {
      const T up = a.upstream.data[b * a.upstream.stride[0] + (sums == 1 ? 0 : d) * a.upstream.stride[1]];
      const double c = slope_factor(a, up, a.reduction == ResidualReduction::sum ? 0 : a.count[b]);
      for (int64_t n = 0; n < count; ++n) factor[n * D + d] = c;
    }
  }

  void load_factor_row(int64_t t, double* factor) {
    const auto& u = a.upstream_field;
    const T* source = u.data + b * u.stride[0] + t * u.stride[1] + n0 * u.stride[2];
    const int64_t step = sums_of(a) == 1 ? 0 : u.stride[3];
    for (int64_t n = 0; n < count; ++n)
      for (int d = 0; d < D; ++d) factor[n * D + d] = slope_factor(a, source[n * u.stride[2] + d * step], 0.0);
  }
};

template <class T, int D> void forward(const TrackResidualArgs<T>& a, int64_t problem, int64_t first) {
  Strip<T, D> strip(a, problem, first);
  if (a.reduction == ResidualReduction::none) strip.field();
  else strip.reduce();
}
template <class T> void select_forward(const TrackResidualArgs<T>& a, int64_t problem, int64_t first) {
  switch (a.dims) {
    case 1: return forward<T, 1>(a, problem, first);
    case 2: return forward<T, 2>(a, problem, first);
    case 3: return forward<T, 3>(a, problem, first);
    default: return forward<T, 4>(a, problem, first);
  }
}
template <class T> void select_backward(const TrackResidualArgs<T>& a, int64_t problem, int64_t first) {
  switch (a.dims) {
    case 1: return Strip<T, 1>(a, problem, first).backward();
    case 2: return Strip<T, 2>(a, problem, first).backward();
    case 3: return Strip<T, 3>(a, problem, first).backward();
    default: return Strip<T, 4>(a, problem, first).backward();
  }
}

}  // namespace

void track_residual(const TrackResidualArgs<float>& a, int64_t problem, int64_t first) {
  select_forward(a, problem, first);
}
void track_residual(const TrackResidualArgs<double>& a, int64_t problem, int64_t first) {
  select_forward(a, problem, first);
}
void track_residual_backward(const TrackResidualArgs<float>& a, int64_t problem, int64_t first) {
  select_backward(a, problem, first);
}
void track_residual_backward(const TrackResidualArgs<double>& a, int64_t problem, int64_t first) {
  select_backward(a, problem, first);
}

}  // namespace KT_ABI
}  // namespace kinetrace
