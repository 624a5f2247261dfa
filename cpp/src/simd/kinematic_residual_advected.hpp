// Backward passes of the advected mode, a frame at a time: every thread gathers what is spread to its own frame.
#pragma once
#include <kinetrace/kinematic_residual/pixel.hpp>

#include "kinematic_residual_tiles.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

// visit(pixel, y * W + x) for the pixels of residual t that have a derivative, if there is such a residual.
template <class T, class Visit> KT_HD void for_residual(const KinematicResidualArgs<T>& a, int64_t problem, int64_t t,
                                                        const Visit& visit) {
  if (t < 1 || t > a.frames - 2) return;
  const T factor[2] = {problem_factor(a, problem, 0), problem_factor(a, problem, 1)};
  for (int64_t y = 0; y < a.height; ++y)
    for (int64_t x = 0; x < a.width; ++x) {
      const AdvectedPixel<T> p = advected_pixel(a, problem, t, y, x, factor);
      if (p.used) visit(p, y * a.width + x);
    }
}

// Bounds of residual maps [begin, end), counted over the batch as problem * frames + t.
template <class T> void bound_maps(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t problem = i / a.frames, t = i % a.frames;
    SpreadBounds bounds;
    for_residual(a, problem, t, [&](const AdvectedPixel<T>& p, int64_t) { bound_spread(p, a.iterations, bounds); });
    double* out = spread_bounds(a, problem, t);
    out[0] = bounds.ahead, out[1] = bounds.behind, out[2] = bounds.odd;
  }
}

// What residuals f - 1 and f + 1 spread to frame f.
template <class T, class Add> KT_HD void spread_to(const KinematicResidualArgs<T>& a, int64_t problem, int64_t f,
                                                   const Add& add) {
  for_residual(a, problem, f - 1, [&](const AdvectedPixel<T>& p, int64_t) { spread_ahead(p, add); });
  for_residual(a, problem, f + 1, [&](const AdvectedPixel<T>& p, int64_t) { spread_behind(p, a.iterations, add); });
}

// Gradients of frames [begin, end), counted over the batch; sums has room for 2 * H * W.
template <class T> void write_frames(const KinematicResidualArgs<T>& a, int64_t begin, int64_t end, int64_t* sums) {
  const int64_t pixels = a.pixels();
  for (int64_t i = begin; i < end; ++i) {
    const int64_t problem = i / a.frames, f = i % a.frames;
    T* gradient = a.gradient + i * 2 * pixels;
    for (int64_t k = 0; k < 2 * pixels; ++k) sums[k] = 0, gradient[k] = T(0);
    for_residual(a, problem, f, [&](const AdvectedPixel<T>& p, int64_t here) {
      T own[2];
      own_part(p, own);
      gradient[here] = own[0], gradient[pixels + here] = own[1];
    });
    const double scale = frame_scale(a, problem, f);
    spread_to(a, problem, f, FixedAdd<T>{sums, pixels, scale});
    for (int64_t k = 0; k < 2 * pixels; ++k) gradient[k] = T(double(gradient[k]) + from_fixed(sums[k], scale));
    const bool odd = (f >= 1 && spread_bounds(a, problem, f - 1)[2] != 0) ||
                     (f + 1 < a.frames && spread_bounds(a, problem, f + 1)[2] != 0);
    if (odd) spread_to(a, problem, f, MarkAdd<T>{gradient, pixels});
  }
}

}  // namespace
}  // namespace KT_ABI
}  // namespace kinetrace
