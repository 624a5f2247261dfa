// check_races.cpp <kernel> good|bad: runs a kernel with or without its synchronisation; ThreadSanitizer is the judge.
// Exit code 1: the good kernel computed wrong values.
#include "driver.hpp"
#include "race_kernels.cuh"

namespace rk = race_kernels;
using kinetrace::driver::Check;
using kinetrace::driver::DeviceArray;
using kinetrace::driver::require;

template <bool kGood> static int run(const std::string& name) {
  std::vector<float> values(4 * 64), reversed, sums, upper;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13);
  DeviceArray<float> in(values), out(64), blocks(4), first(32);
  DeviceArray<int> counter(std::vector<int>{0});
  Check check;
  const dim3 one(1);
  if (name == "block_sum") {
    for (std::size_t b = 0; b < 4; ++b) {
      sums.push_back(0);
      for (std::size_t t = 0; t < 64; ++t) sums[b] += values[b * 64 + t];
    }
    require(KT_LAUNCH((rk::block_sum<kGood>), dim3(4), dim3(64), 64 * sizeof(float), nullptr, in.data(), blocks.data()),
            "block_sum");
    check.same_bits(name, blocks.host(), sums);
  } else if (name == "warp_reverse") {
    for (std::size_t t = 0; t < 64; ++t) reversed.push_back(values[t ^ 31]);
    require(KT_LAUNCH((rk::warp_reverse<kGood>), one, dim3(64), 0, nullptr, in.data(), out.data()), "warp_reverse");
    check.same_bits(name, out.host(), reversed);
  } else if (name == "half_reverse") {
    for (std::size_t t = 0; t < 32; ++t) reversed.push_back(values[t ^ 31]);
    require(KT_LAUNCH((rk::half_reverse<kGood>), one, dim3(32), 0, nullptr, in.data(), first.data()), "half_reverse");
    check.same_bits(name, first.host(), reversed);
  } else if (name == "early_exit") {
    for (std::size_t t = 0; t < 32; ++t) upper.push_back(values[t + 32]);
    require(KT_LAUNCH((rk::early_exit<kGood>), one, dim3(64), 0, nullptr, in.data(), first.data()), "early_exit");
    check.same_bits(name, first.host(), upper);
  } else if (name == "count") {
    require(KT_LAUNCH((rk::count<kGood>), dim3(4), dim3(64), 0, nullptr, counter.data()), "count");
    check.same_bits<int>(name, counter.host(), {256});
  } else if (name == "block_words") {
    DeviceArray<int> words(std::vector<int>(4, 1));
    require(KT_LAUNCH((rk::block_words<kGood>), dim3(4), dim3(32), 0, nullptr, words.data()), "block_words");
    check.same_bits<int>(name, words.host(), {2, 2, 2, 2});
  } else {
    return 2;
  }
  const int code = check.finish();
  return kGood ? code : 0;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return std::strcmp(argv[2], "good") == 0 ? run<true>(argv[1]) : run<false>(argv[1]);
}
