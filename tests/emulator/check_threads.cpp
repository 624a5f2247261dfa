// check_threads.cpp: eight host threads launch at once, some of them kernels that fail; each must get its own answer.
#include <thread>

#include "driver.hpp"
#include "failure_kernels.cuh"
#include "race_kernels.cuh"

static int one_thread(unsigned seed) {
  kinetrace::driver::Check check;
  for (unsigned round = 0; round < 20; ++round) {
    std::vector<float> values(64);
    float sum = 0;
    for (unsigned i = 0; i < 64; ++i) sum += values[i] = static_cast<float>((i * seed + round) % 17);
    kinetrace::driver::DeviceArray<float> in(values), out(1);
    kinetrace::driver::DeviceArray<int> ints(64);
    kinetrace::driver::require(KT_LAUNCH((race_kernels::block_sum<true>), dim3(1), dim3(64), 64 * sizeof(float),
                                         nullptr, in.data(), out.data()),
                               "block_sum");
    check.same_bits<float>("sum", out.host(), {sum});
#ifdef KT_CUEMU
    if (seed % 2 == 0) {
      const auto status = KT_LAUNCH(failure_kernels::deadlock, dim3(1), dim3(32), 0, nullptr, ints.data());
      check.same_bits<int>("deadlock", {status, std::strstr(cuemu::last_failure(), "deadlock") != nullptr},
                           {cudaErrorLaunchFailure, 1});
    } else {
      check.same_bits<int>("no failure of another thread", {cuemu::last_failure()[0]}, {0});
    }
#endif
  }
  return check.finish();
}

int main() {
#ifdef KT_CUEMU
  cuemu::return_failures();
#endif
  std::vector<int> codes(8, -1);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 8; ++i) threads.emplace_back([&codes, i] { codes[i] = one_thread(i + 1); });
  for (std::thread& thread : threads) thread.join();
  for (const int code : codes)
    if (code != 0) return 1;
  return 0;
}
