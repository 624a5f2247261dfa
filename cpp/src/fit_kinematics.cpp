// fit_kinematics on the CPU: groups of problems over threads.
#include <kinetrace/backends.hpp>

#include "simd/fit_kinematics.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

template <class T> Outcome run(const FitKinematicsArgs<T>& a, const Launch& launch) {
  // A chunk of about 50 us, in whole groups of lanes.
  const int64_t cost = 1 + a.frames * (a.dims + 1) * (a.robust == Robust::none ? 1 : 40) / 4;  // ns
  const int64_t grain = (50000 / cost + 64) / 64 * 64;
  parallel_for(a.problems, grain, launch.num_threads, [&](int64_t begin, int64_t end) {
    T* scratch = static_cast<T*>(thread_scratch(std::size_t(fit_kinematics_scratch(a)) * sizeof(T)));
    KT_SIMD_CALL(fit_kinematics, a, begin, end, scratch);
  });
  return {};
}

}  // namespace

int64_t fit_kinematics_workspace(const FitKinematicsArgs<float>&) { return 0; }
int64_t fit_kinematics_workspace(const FitKinematicsArgs<double>&) { return 0; }
Outcome fit_kinematics(const FitKinematicsArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome fit_kinematics(const FitKinematicsArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
