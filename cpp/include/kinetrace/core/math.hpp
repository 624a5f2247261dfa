// Scalar arithmetic of the shared maths: kernels call these names for float, double and packs alike, never std:: or ::.
// Every multiply-add is an explicit fma and the host compiler may not contract, so that CPU, emulator and GPU round alike.
#pragma once
#include <cstdint>

#include "macros.hpp"

KT_MATHS_BEGIN

// nvcc has these names for host and device; elsewhere the builtins keep <cmath>'s templates out of per-instruction-set files.
#if defined(__CUDACC__)
#define KT_SCALAR(name) ::name
#else
#define KT_SCALAR(name) __builtin_##name
#endif
KT_HD float fma(float a, float b, float c) { return KT_SCALAR(fmaf)(a, b, c); }
KT_HD double fma(double a, double b, double c) { return KT_SCALAR(fma)(a, b, c); }
KT_HD float sqrt(float x) { return KT_SCALAR(sqrtf)(x); }
KT_HD double sqrt(double x) { return KT_SCALAR(sqrt)(x); }
KT_HD float abs(float x) { return KT_SCALAR(fabsf)(x); }
KT_HD double abs(double x) { return KT_SCALAR(fabs)(x); }
KT_HD float floor(float x) { return KT_SCALAR(floorf)(x); }
KT_HD double floor(double x) { return KT_SCALAR(floor)(x); }

// The second operand wins when either is NaN: the meaning of minps/maxps, written out so that it is the same everywhere.
template <class T> KT_HD T min(T a, T b) { return a < b ? a : b; }
template <class T> KT_HD T max(T a, T b) { return a > b ? a : b; }

// What a scalar and a pack have in common: the element type, the truth value, and how many problems travel together.
template <class V> struct lanes;
template <> struct lanes<float> {
  using scalar = float;
  using mask = bool;
  static constexpr int width = 1;
};
template <> struct lanes<double> {
  using scalar = double;
  using mask = bool;
  static constexpr int width = 1;
};
template <class V> using scalar_of = typename lanes<V>::scalar;
template <class V> using mask_of = typename lanes<V>::mask;

KT_HD float select(bool m, float a, float b) { return m ? a : b; }
KT_HD double select(bool m, double a, double b) { return m ? a : b; }
KT_HD bool any(bool m) { return m; }
KT_HD bool all(bool m) { return m; }
KT_HD bool is_finite(float x) { return abs(x) <= 3.40282346638528859812e+38f; }
KT_HD bool is_finite(double x) { return abs(x) <= 1.79769313486231570815e+308; }

template <class V> KT_HD V load(const scalar_of<V>* p);
template <> KT_HD float load<float>(const float* p) { return *p; }
template <> KT_HD double load<double>(const double* p) { return *p; }
KT_HD void store(float* p, float v) { *p = v; }
KT_HD void store(double* p, double v) { *p = v; }

template <class T> struct limits;
template <> struct limits<float> {
  static constexpr float epsilon = 1.1920928955078125e-07f, smallest = 1.17549435082228750797e-38f,
                         largest = 3.40282346638528859812e+38f;
};
template <> struct limits<double> {
  static constexpr double epsilon = 2.220446049250313e-16, smallest = 2.2250738585072014e-308,
                          largest = 1.79769313486231570815e+308;
};
template <class T> KT_HD T quiet_nan() { return T(__builtin_nanf("")); }
template <class T> KT_HD T infinity() { return T(__builtin_inff()); }

KT_MATHS_END
