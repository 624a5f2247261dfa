// check_failures.cpp <case> [abort]: runs one faulty kernel. With "abort" no failure handler is set. Otherwise the
// launch must return an error, and a correct kernel must still run after it; the report is printed for the caller to
// check.
#include "driver.hpp"
#include "failure_kernels.cuh"

namespace fk = failure_kernels;
using kinetrace::driver::DeviceArray;

static cudaError_t run_case(const std::string& name, DeviceArray<int>& out) {
  int* p = out.data();
  const dim3 one(1), warp(32), two_warps(64);
  const std::size_t bytes = 8 * sizeof(int);
  if (name == "deadlock") return KT_LAUNCH(fk::deadlock, one, warp, 0, nullptr, p);
  if (name == "not_in_mask") return KT_LAUNCH(fk::not_in_mask, one, warp, 0, nullptr, p);
  if (name == "masks_differ") return KT_LAUNCH(fk::masks_differ, one, warp, 0, nullptr, p);
  if (name == "operations_differ") return KT_LAUNCH(fk::operations_differ, one, warp, 0, nullptr, p);
  if (name == "widths_differ") return KT_LAUNCH(fk::widths_differ, one, warp, 0, nullptr, p);
  if (name == "sizes_differ") return KT_LAUNCH(fk::sizes_differ, one, warp, 0, nullptr, p);
  if (name == "bad_width") return KT_LAUNCH(fk::bad_width, one, warp, 0, nullptr, p, 12);
  if (name == "barriers_differ") return KT_LAUNCH(fk::barriers_differ, one, two_warps, 0, nullptr, p);
  if (name == "exit_before_barrier") return KT_LAUNCH(fk::exit_before_barrier, one, two_warps, 0, nullptr, p);
  if (name == "exited_in_mask") return KT_LAUNCH(fk::exited_in_mask, one, two_warps, 0, nullptr, p);
  if (name == "dynamic_overrun") return KT_LAUNCH(fk::dynamic_overrun, one, warp, bytes, nullptr, p, 8, 8);
  if (name == "dynamic_underrun") return KT_LAUNCH(fk::dynamic_overrun, one, warp, bytes, nullptr, p, 8, -1);
  if (name == "fixed_overrun") return KT_LAUNCH(fk::fixed_overrun, one, warp, 0, nullptr, p, 8);
  if (name == "global_overrun") return KT_LAUNCH(fk::global_overrun, one, two_warps, 0, nullptr, p);
  if (name == "correct") return KT_LAUNCH(fk::correct, one, two_warps, 0, nullptr, p);
  std::fprintf(stderr, "unknown case %s\n", name.c_str());
  std::exit(2);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  DeviceArray<int> out(64);
#ifdef KT_CUEMU
  if (argc < 3) cuemu::return_failures();
#endif
  const kinetrace::Outcome error = kinetrace::cuda::check(run_case(argv[1], out), argv[1]);
  std::printf("code %d\n%s\n", error.code, error.message);
  kinetrace::driver::Check check;
  DeviceArray<int> after(64);
  kinetrace::driver::require(run_case("correct", after), "correct");
  std::vector<int> want(64);
  for (int t = 0; t < 64; ++t) want[static_cast<std::size_t>(t)] = (t ^ 1) % 32 + t / 32 * 32;
  check.same_bits("after a failure", after.host(), want);
  return check.finish();
}
