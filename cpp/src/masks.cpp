// masks on the CPU: images over threads.
#include <kinetrace/backends.hpp>

#include "simd/masks.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

// Small images together, so that handing them out costs little.
template <class Body> Outcome over_images(const MasksArgs& a, const Launch& launch, const Body& body) {
  const int64_t grain = 1 + 65536 / (1 + a.height * a.width);
  parallel_for(a.images(), grain, launch.num_threads, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
  return {};
}

}  // namespace

int64_t mask_centroids_workspace(const MasksArgs&) { return 0; }
int64_t mask_iou_workspace(const MasksArgs&) { return 0; }
int64_t mask_chamfer_workspace(const MasksArgs&) { return 0; }

Outcome mask_centroids(const MasksArgs& a, const Launch& launch) {
  return over_images(a, launch, [&](int64_t image) { KT_SIMD_CALL(mask_centroids, a, image); });
}
Outcome mask_iou(const MasksArgs& a, const Launch& launch) {
  return over_images(a, launch, [&](int64_t image) { KT_SIMD_CALL(mask_iou, a, image); });
}
Outcome mask_chamfer(const MasksArgs& a, const Launch& launch) {
  return over_images(a, launch, [&](int64_t image) { KT_SIMD_CALL(mask_chamfer, a, image); });
}

}  // namespace cpu
}  // namespace kinetrace
