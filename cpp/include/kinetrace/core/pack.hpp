// Pack<T, W>: W problems side by side in vector registers, with the names of math.hpp. Host only; GCC/clang extensions.
#pragma once
#include <cstdint>
#include <type_traits>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "math.hpp"

// Register width of the instruction set that this file is compiled for.
#if defined(__AVX512F__)
#define KT_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define KT_VECTOR_BYTES 32
#else
#define KT_VECTOR_BYTES 16
#endif

KT_MATHS_BEGIN

// Spelled out per type: with dependent types g++ takes a vector and its element for the same parameter type.
template <class T, int W> struct VectorOf;
#define KT_VECTOR_OF(T, W)                                                                          \
  template <> struct VectorOf<T, W> {                                                               \
    typedef T type __attribute__((vector_size(W * sizeof(T))));                                     \
    typedef T unaligned __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias)); \
  };
KT_VECTOR_OF(float, 4)
KT_VECTOR_OF(float, 8)
KT_VECTOR_OF(float, 16)
KT_VECTOR_OF(double, 2)
KT_VECTOR_OF(double, 4)
KT_VECTOR_OF(double, 8)
KT_VECTOR_OF(int32_t, 4)
KT_VECTOR_OF(int32_t, 8)
KT_VECTOR_OF(int32_t, 16)
KT_VECTOR_OF(int64_t, 2)
KT_VECTOR_OF(int64_t, 4)
KT_VECTOR_OF(int64_t, 8)
#undef KT_VECTOR_OF

template <class T, int W> struct Mask {
  using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  using Vector = typename VectorOf<Int, W>::type;
  Vector v;
  KT_HD Mask() : v{} {}
  KT_HD Mask(Vector x) : v(x) {}
  KT_HD Mask(bool b) : v(Vector{} - Int(b)) {}
  KT_HD bool operator[](int i) const { return v[i] != 0; }
  friend KT_HD Mask operator&(Mask a, Mask b) { return Mask(a.v & b.v); }
  friend KT_HD Mask operator|(Mask a, Mask b) { return Mask(a.v | b.v); }
  friend KT_HD Mask operator!(Mask a) { return Mask(~a.v); }
};

template <class T, int W> struct Pack {
  using Vector = typename VectorOf<T, W>::type;
  using Unaligned = typename VectorOf<T, W>::unaligned;
  using M = Mask<T, W>;
  Vector v;
  KT_HD Pack() : v{} {}
  KT_HD Pack(Vector x) : v(x) {}
  KT_HD Pack(T x) : v(x - Vector{}) {}
  KT_HD T operator[](int i) const { return v[i]; }
  friend KT_HD Pack operator+(Pack a, Pack b) { return Pack(a.v + b.v); }
  friend KT_HD Pack operator-(Pack a, Pack b) { return Pack(a.v - b.v); }
  friend KT_HD Pack operator*(Pack a, Pack b) { return Pack(a.v * b.v); }
  friend KT_HD Pack operator/(Pack a, Pack b) { return Pack(a.v / b.v); }
  friend KT_HD Pack operator-(Pack a) { return Pack(-a.v); }
  friend KT_HD Pack& operator+=(Pack& a, Pack b) { return a = a + b; }
  friend KT_HD M operator<(Pack a, Pack b) { return M(a.v < b.v); }
  friend KT_HD M operator>(Pack a, Pack b) { return M(a.v > b.v); }
  friend KT_HD M operator<=(Pack a, Pack b) { return M(a.v <= b.v); }
  friend KT_HD M operator>=(Pack a, Pack b) { return M(a.v >= b.v); }
  friend KT_HD M operator==(Pack a, Pack b) { return M(a.v == b.v); }
  friend KT_HD M operator!=(Pack a, Pack b) { return M(a.v != b.v); }
};

template <class T, int W> struct lanes<Pack<T, W>> {
  using scalar = T;
  using mask = Mask<T, W>;
  static constexpr int width = W;
};

template <class T, int W> KT_HD Pack<T, W> select(Mask<T, W> m, Pack<T, W> a, Pack<T, W> b) {
  return Pack<T, W>(m.v ? a.v : b.v);
}
template <class T, int W> KT_HD Pack<T, W> min(Pack<T, W> a, Pack<T, W> b) { return Pack<T, W>(a.v < b.v ? a.v : b.v); }
template <class T, int W> KT_HD Pack<T, W> max(Pack<T, W> a, Pack<T, W> b) { return Pack<T, W>(a.v > b.v ? a.v : b.v); }
template <class T, int W> KT_HD Pack<T, W> abs(Pack<T, W> x) {
  using M = typename Mask<T, W>::Vector;
  using Int = typename Mask<T, W>::Int;
  return Pack<T, W>((typename Pack<T, W>::Vector)((M)x.v & (M{} + Int(~(Int(1) << (sizeof(T) * 8 - 1))))));
}
template <class T, int W> KT_HD bool any(Mask<T, W> m) {
#if defined(__AVX512DQ__)
  if constexpr (sizeof(m) == 64)
    return sizeof(T) == 4 ? _mm512_movepi32_mask((__m512i)m.v) : _mm512_movepi64_mask((__m512i)m.v);
#endif
#if defined(__AVX__)
  if constexpr (sizeof(m) == 32) return _mm256_movemask_ps((__m256)m.v);
#endif
  bool r = false;
  for (int i = 0; i < W; ++i) r |= m.v[i] != 0;
  return r;
}
template <class T, int W> KT_HD bool all(Mask<T, W> m) { return !any(!m); }
template <class T, int W> KT_HD Mask<T, W> is_finite(Pack<T, W> x) { return abs(x) <= Pack<T, W>(limits<T>::largest); }

// One fused multiply-add per lane. Intrinsics where the compiler's own choice is not reliable; elsewhere the correctly
// rounded builtin, which without FMA hardware is a library call: slow, but the same bits.
template <class T, int W> KT_HD Pack<T, W> fma(Pack<T, W> a, Pack<T, W> b, Pack<T, W> c) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 4)
    return Pack<T, W>((typename Pack<T, W>::Vector)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v));
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 8)
    return Pack<T, W>((typename Pack<T, W>::Vector)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v));
#endif
#if defined(__FMA__)
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 4)
    return Pack<T, W>((typename Pack<T, W>::Vector)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v));
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 8)
    return Pack<T, W>((typename Pack<T, W>::Vector)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v));
#endif
  Pack<T, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = fma(T(a.v[i]), T(b.v[i]), T(c.v[i]));
  return r;
}
template <class T, int W> KT_HD Pack<T, W> sqrt(Pack<T, W> x) {
  Pack<T, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = sqrt(T(x.v[i]));
  return r;
}

namespace detail {
template <class V> struct Memory;
template <class T, int W> struct Memory<Pack<T, W>> {
  static KT_HD Pack<T, W> load(const T* p) {
    return Pack<T, W>((typename Pack<T, W>::Vector)(*reinterpret_cast<const typename Pack<T, W>::Unaligned*>(p)));
  }
};
}  // namespace detail
template <class V> KT_HD V load(const scalar_of<V>* p) { return detail::Memory<V>::load(p); }
template <class T, int W> KT_HD void store(T* p, Pack<T, W> x) {
  *reinterpret_cast<typename Pack<T, W>::Unaligned*>(p) = (typename Pack<T, W>::Unaligned)x.v;
}

template <class T> using NativePack = Pack<T, KT_VECTOR_BYTES / int(sizeof(T))>;

KT_MATHS_END
