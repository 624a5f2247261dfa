// Bilinear sampling of a strided plane at pixel coordinates, pixel centres at integers. One sample point per call (per lane).
#pragma once
#include <cstdint>

#include "math.hpp"

KT_MATHS_BEGIN

// Sizes up to this keep W - 1 exact in float32, so that no point that passes inside_image indexes past the last column.
constexpr int64_t kLargestImageSide = int64_t(1) << 24;

// The size of an image and how to walk it: element strides, any sign; planes of several channels share it.
struct Grid {
  int32_t last_x = 0, last_y = 0;  // W - 1, H - 1
  int64_t stride_x = 0, stride_y = 0;
};

// 0 <= x <= W-1 and 0 <= y <= H-1; NaN is outside.
template <class T> KT_HD bool inside_image(const Grid& g, T x, T y) {
  return (x >= T(0)) & (x <= T(g.last_x)) & (y >= T(0)) & (y <= T(g.last_y));
}

// The four pixels around a point inside the image, as element offsets. On the last column (row) both columns (rows) are the
// same pixel, and the weight is 0: nothing outside is read, also in an image one pixel wide.
template <class T> struct Corners {
  int64_t at;  // pixel (floor x, floor y)
  int64_t right, down;  // offsets to the next column and row, 0 on the last
  T fx, fy;  // in [0, 1)
};

template <class T> KT_HD Corners<T> corners_of(const Grid& g, T x, T y) {
  const int32_t xi = int32_t(x), yi = int32_t(y);  // towards zero is down: x and y are not negative
  Corners<T> c;
  c.at = yi * g.stride_y + xi * g.stride_x;
  c.right = xi < g.last_x ? g.stride_x : 0;
  c.down = yi < g.last_y ? g.stride_y : 0;
  c.fx = x - T(xi);
  c.fy = y - T(yi);
  return c;
}

// (1 - f) a + f b as (a - f a) + f b: exact where a = b, and no difference that could overflow. NaN and infinity spread.
template <class T> KT_HD T blend(T f, T a, T b) { return fma(f, b, fma(-f, a, a)); }

// Along x on both rows, then along y.
template <class T> KT_HD T sample(const T* plane, const Corners<T>& c) {
  const T* p = plane + c.at;
  const T* q = p + c.down;
  return blend(c.fy, blend(c.fx, p[0], p[c.right]), blend(c.fx, q[0], q[c.right]));
}

// Derivatives of sample() along x and y, those from the right where the point is on a pixel, 0 beyond the last.
template <class T> KT_HD void sample_slopes(const T* plane, const Corners<T>& c, T& along_x, T& along_y) {
  const T* p = plane + c.at;
  const T* q = p + c.down;
  const T p0 = p[0], p1 = p[c.right], q0 = q[0], q1 = q[c.right];
  const T top = p1 - p0, low = q1 - q0, left = q0 - p0, right = q1 - p1;
  along_x = fma(c.fy, low - top, top);
  along_y = fma(c.fx, right - left, left);
}

KT_MATHS_END
