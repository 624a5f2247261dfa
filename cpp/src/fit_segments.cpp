// fit_segments on the CPU: groups of problems over threads.
#include <vector>

#include <kinetrace/backends.hpp>

#include "simd/fit_segments.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

template <class T>
Outcome run(const FitSegmentsArgs<T>& a, const Launch& launch) {
  std::vector<double> table(a.times.data ? 0 : std::size_t(a.frames * segment_step_size(a.order)));
  if (!table.empty()) KT_SIMD_CALL(fit_segments_table, a.order, a.frames, table.data());
  // A chunk of about 100 us, in whole groups of lanes.
  const int64_t cost = 1 + a.frames * (a.max_segments > 2 ? a.frames / 2 : 4) * a.dims / 4;  // ns
  const int64_t grain = (100000 / cost + 8) / 8 * 8;
  parallel_for(a.problems, grain, launch.num_threads, [&](int64_t begin, int64_t end) {
    double* scratch = static_cast<double*>(thread_scratch(std::size_t(fit_segments_scratch(a)) * sizeof(double)));
    KT_SIMD_CALL(fit_segments, a, table.data(), begin, end, scratch);
  });
  return {};
}

}  // namespace

int64_t fit_segments_workspace(const FitSegmentsArgs<float>&) { return 0; }
int64_t fit_segments_workspace(const FitSegmentsArgs<double>&) { return 0; }
Outcome fit_segments(const FitSegmentsArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome fit_segments(const FitSegmentsArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
