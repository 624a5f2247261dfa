// dtw on CUDA: not yet there.
#include "launch.cuh"

#include <kinetrace/backends.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

Outcome missing() { return cuda::check(cudaErrorNotPermitted, "dtw"); }

}  // namespace

int64_t dtw_workspace(const DtwArgs<float>&) { return 0; }
int64_t dtw_workspace(const DtwArgs<double>&) { return 0; }
Outcome dtw(const DtwArgs<float>&, const Launch&) { return missing(); }
Outcome dtw(const DtwArgs<double>&, const Launch&) { return missing(); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
