// masks on CUDA: placeholder
#include "launch.cuh"

#include <kinetrace/backends.hpp>
namespace kinetrace {
namespace KT_BACKEND {
int64_t mask_centroids_workspace(const MasksArgs&) { return 0; }
int64_t mask_iou_workspace(const MasksArgs&) { return 0; }
int64_t mask_chamfer_workspace(const MasksArgs&) { return 0; }
Outcome mask_centroids(const MasksArgs&, const Launch&) { return {}; }
Outcome mask_iou(const MasksArgs&, const Launch&) { return {}; }
Outcome mask_chamfer(const MasksArgs&, const Launch&) { return {}; }
}  // namespace KT_BACKEND
}  // namespace kinetrace
