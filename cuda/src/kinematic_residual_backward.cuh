// Gradient kernels of kinematic_residual; included by kinematic_residual.cu inside its namespace. A thread per pixel.

// Doubles of the backward workspace: bounds of the spreads (advected mode), two factors per problem, fixed-point sums.
template <class T> KT_HD int64_t bounds_size(const KinematicResidualArgs<T>& a) {
  return a.advected ? a.problems * a.frames * kSpreadBounds : 0;
}
template <class T> KT_HD double* factors_of(const KinematicResidualArgs<T>& a, int64_t b) {
  return static_cast<double*>(a.workspace) + bounds_size(a) + 2 * b;
}

// problem_factor of both channels, once per problem: a double division is a call, and calls spill registers.
template <class T> __global__ void __launch_bounds__(kThreads, 4) factor_kernel(KinematicResidualArgs<T> a) {
  const int64_t first = int64_t(blockIdx.x) * kThreads + threadIdx.x, step = int64_t(gridDim.x) * kThreads;
  for (int64_t b = first; b < a.problems; b += step)  // KT_MUTATE: b < a.problems -> b <= a.problems
    for (int c = 0; c < 2; ++c) factors_of(a, b)[c] = double(problem_factor(a, b, c));
}

// Derivative of the value by residual t at fixed pixels, one channel.
template <class T, ResidualNorm N>
__device__ __forceinline__ T fixed_derivative(const KinematicResidualArgs<T>& a, int64_t b, int64_t t, int c,
                                              const Place& at, T factor, T w, T r) {
  T q = factor;
  if (a.reduction == ResidualReduction::none) q = q * field_upstream(a, b, t, c, at.y, at.x);
  return w != T(0) ? q * w * residual_slope<N>(r) : T(0);
}

// Fixed pixels: the flow is read once, the gradient written once; two frames of either stay in registers.
template <class T, ResidualNorm N> __global__ void __launch_bounds__(kThreads, 8)
    gradient_kernel(KinematicResidualArgs<T> a) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x, pixels = a.pixels();
  if (pixel >= pixels) return;  // KT_MUTATE: pixel >= pixels -> false
  const Place at = place_of(pixel, a.width);
  for (int64_t b = blockIdx.y; b < a.problems; b += gridDim.y) {
    const FlowField<T> f = flow_field(a, b, 0);
    const T* p = f.data + at.y * f.row + at.x * f.column;
    const T factor[2] = {T(factors_of(a, b)[0]), T(factors_of(a, b)[1])};
    T* g = a.gradient + b * a.frames * 2 * pixels + pixel;
    T flow[2], difference[2], earlier[2] = {T(0), T(0)},
                              q[2] = {T(0), T(0)};  // derivatives by residuals t - 2 and t - 1
    for (int c = 0; c < 2; ++c) {
      flow[c] = p[c * f.channel + a.flow.stride[1]];
      difference[c] = flow[c] - p[c * f.channel];
    }
#pragma unroll 4
    for (int64_t t = 1; t <= a.frames; ++t, g += 2 * pixels) {
      const bool live = t < a.frames - 1;  // KT_MUTATE: t < a.frames - 1 -> t < a.frames
      const T w = live ? residual_weight(a, b, t, at.y, at.x) : T(0);
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        T next = T(0);
        if (live) {
          const T after = p[c * f.channel + (t + 1) * a.flow.stride[1]], e = after - flow[c];
          next = fixed_derivative<T, N>(a, b, t, c, at, factor[c], w, e - difference[c]);
          flow[c] = after, difference[c] = e;
        }
        g[c * pixels] = second_difference(earlier[c], q[c], next);
        earlier[c] = q[c], q[c] = next;
      }
    }
  }
}

static __global__ void __launch_bounds__(kThreads) zero_kernel(unsigned long long* p, int64_t count) {
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < count; i += int64_t(gridDim.x) * kThreads)
    p[i] = 0;
}

__device__ __forceinline__ unsigned long long* bits_of(double* p) { return reinterpret_cast<unsigned long long*>(p); }
__device__ __forceinline__ double warp_max(double x) {
#pragma unroll
  for (int half = 16; half > 0; half /= 2) {
    const double other = __shfl_xor_sync(kAll, x, half);
    x = other > x ? other : x;
  }
  return x;
}

// Bounds of what each residual map spreads: maxima of non-negative doubles, which order as their bit patterns.
template <class T> __global__ void __launch_bounds__(kThreads, 4) bounds_kernel(KinematicResidualArgs<T> a) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const bool inside = pixel < a.pixels();  // KT_MUTATE: pixel < a.pixels() -> true
  const Place at = place_of(inside ? pixel : 0, a.width);
  for (int64_t b = blockIdx.z; b < a.problems; b += gridDim.z) {
    const T factor[2] = {T(factors_of(a, b)[0]), T(factors_of(a, b)[1])};
    for (int64_t t = 1 + int64_t(blockIdx.y); t < a.frames - 1; t += gridDim.y) {
      SpreadBounds bounds;
      if (inside) bound_spread(advected_pixel(a, b, t, at.y, at.x, factor), a.iterations, bounds);
      const double all[kSpreadBounds] = {warp_max(bounds.ahead), warp_max(bounds.behind),
                                         warp_max(bounds.odd ? 1.0 : 0.0)};
      if (threadIdx.x % 32 != 0) continue;
      for (int i = 0; i < kSpreadBounds; ++i)
        if (all[i] > 0)
          atomicMax(bits_of(spread_bounds(a, b, t) + i), static_cast<unsigned long long>(__double_as_longlong(all[i])));
    }
  }
}

// Integer addition is the same in any order: threads may meet on a pixel.
template <class T> struct AtomicAdd {
  unsigned long long* sums;
  int64_t pixels;
  double scale;
  __device__ __forceinline__ void operator()(int c, int64_t pixel, T value) const {
    if (is_finite(value))
      atomicAdd(sums + c * pixels + pixel, static_cast<unsigned long long>(to_fixed(double(value), scale)));
  }
};

// Problems [first, first + count): each residual's own part to the gradient, the rest to the sums of both neighbours.
template <class T> __global__ void __launch_bounds__(kThreads, 4)
    spread_kernel(KinematicResidualArgs<T> a, int64_t first, int64_t count, unsigned long long* sums) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x, pixels = a.pixels();
  if (pixel >= pixels) return;  // KT_MUTATE: pixel >= pixels -> false
  const Place at = place_of(pixel, a.width);
  for (int64_t k = blockIdx.z; k < count; k += gridDim.z) {
    const int64_t b = first + k;
    const T factor[2] = {T(factors_of(a, b)[0]), T(factors_of(a, b)[1])};
    for (int64_t t = blockIdx.y; t < a.frames; t += gridDim.y) {
      T own[2] = {T(0), T(0)};
      if (t >= 1 && t <= a.frames - 2) {
        const AdvectedPixel<T> p = advected_pixel(a, b, t, at.y, at.x, factor);
        own_part(p, own);
        unsigned long long* here = sums + (k * a.frames + t) * 2 * pixels;
        spread_ahead(p, AtomicAdd<T>{here + 2 * pixels, pixels, frame_scale(a, b, t + 1)});
        spread_behind(p, a.iterations, AtomicAdd<T>{here - 2 * pixels, pixels, frame_scale(a, b, t - 1)});
      }
      T* g = a.gradient + (b * a.frames + t) * 2 * pixels + pixel;
      g[0] = own[0], g[pixels] = own[1];
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads, 4)
    collect_kernel(KinematicResidualArgs<T> a, int64_t first, int64_t count, const unsigned long long* sums) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x, pixels = a.pixels();
  if (pixel >= pixels) return;  // KT_MUTATE: pixel >= pixels -> false
  for (int64_t k = blockIdx.z; k < count; k += gridDim.z)
    for (int64_t t = blockIdx.y; t < a.frames; t += gridDim.y) {
      const double scale = frame_scale(a, first + k, t);
      T* g = a.gradient + ((first + k) * a.frames + t) * 2 * pixels + pixel;
      const unsigned long long* s = sums + (k * a.frames + t) * 2 * pixels + pixel;
      for (int c = 0; c < 2; ++c) g[c * pixels] = T(double(g[c * pixels]) + from_fixed(int64_t(s[c * pixels]), scale));
    }
}

// Threads may meet on a pixel here too: an exchange, though all of them write the same.
template <class T> struct AtomicMark {
  T* gradient;
  int64_t pixels;
  __device__ __forceinline__ void operator()(int c, int64_t pixel, T value) const {
    if (is_finite(value)) return;
    T* g = gradient + c * pixels + pixel;
    if constexpr (sizeof(T) == 4) atomicExch(reinterpret_cast<unsigned*>(g), 0x7fc00000u);
    else atomicExch(reinterpret_cast<unsigned long long*>(g), 0x7ff8000000000000ull);
  }
};
template <class T> __global__ void __launch_bounds__(kThreads, 4)
    mark_kernel(KinematicResidualArgs<T> a, int64_t first, int64_t count) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x, pixels = a.pixels();
  if (pixel >= pixels) return;  // KT_MUTATE: pixel >= pixels -> false
  const Place at = place_of(pixel, a.width);
  for (int64_t k = blockIdx.z; k < count; k += gridDim.z) {
    const int64_t b = first + k;
    const T factor[2] = {T(factors_of(a, b)[0]), T(factors_of(a, b)[1])};
    for (int64_t t = 1 + int64_t(blockIdx.y); t < a.frames - 1; t += gridDim.y) {
      if (spread_bounds(a, b, t)[2] == 0) continue;  // nearly always
      const AdvectedPixel<T> p = advected_pixel(a, b, t, at.y, at.x, factor);
      T* here = a.gradient + (b * a.frames + t) * 2 * pixels;
      spread_ahead(p, AtomicMark<T>{here + 2 * pixels, pixels});
      spread_behind(p, a.iterations, AtomicMark<T>{here - 2 * pixels, pixels});
    }
  }
}
