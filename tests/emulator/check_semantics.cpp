// check_semantics.cpp: compares what warp and block collectives return with CUDA's definitions, written out here anew.
// Everything outside of KT_CUEMU is defined by CUDA too, so nvcc -x cu makes a GPU test of the same expectations.
#include <cmath>

#include "driver.hpp"
#include "warp_kernels.cuh"

using kinetrace::driver::Check;
using kinetrace::driver::DeviceArray;
using kinetrace::driver::require;

namespace {

// Per CUDA's text: idx wraps inside the segment; up, down and xor keep the own value where the source would leave it.
int expected_source(int mode, int lane, int operand, int width) {
  const int segment = lane / width * width, in_segment = lane % width;
  if (mode == 0) return segment + ((operand % width) + width) % width;
  if (mode == 1) return in_segment - operand < 0 ? lane : lane - operand;
  if (mode == 2) return in_segment + operand >= width ? lane : lane + operand;
  const int other = lane ^ operand;
  return other >= segment + width ? lane : other;
}

template <class T> void check_shuffles(Check& check, int threads) {
  for (int width = 1; width <= 32; width *= 2)
    for (int operand = 0; operand < 32; ++operand) {
      if (threads % 32 != 0 && operand != 1) continue;
      const auto n = static_cast<std::size_t>(threads);
      DeviceArray<T> out(4 * n);
      require(KT_LAUNCH((warp_kernels::shuffles<T>), dim3(1), dim3(static_cast<unsigned>(threads)), 0, nullptr,
                        out.data(), operand, width),
              "shuffles");
      const std::vector<T> got = out.host();
      std::vector<T> want(got.size()), defined(got.size());
      for (int mode = 0; mode < 4; ++mode)
        for (int t = 0; t < threads; ++t) {
          const int source = t / 32 * 32 + expected_source(mode, t % 32, operand, width);
          const auto i = static_cast<std::size_t>(mode * threads + t);
          want[i] = source < threads ? static_cast<T>(source + 1000) : T(0);
          defined[i] = source < threads ? got[i] : T(0);  // a missing lane's value is undefined
        }
      check.same_bits("shuffle width " + std::to_string(width) + " operand " + std::to_string(operand), defined, want);
    }
}

void check_counts(Check& check) {
  DeviceArray<int> out(128);
  require(KT_LAUNCH(warp_kernels::different_counts, dim3(1), dim3(128), 0, nullptr, out.data()), "different_counts");
  std::vector<int> want(128);
  for (int t = 0; t < 128; ++t) want[static_cast<std::size_t>(t)] = t / 32 % 2 == 0 ? t ^ 1 : t;
  check.same_bits("different counts per warp", out.host(), want);
}

void check_votes(Check& check, unsigned threads, unsigned modulus) {
  DeviceArray<unsigned> out(3 * threads);
  require(KT_LAUNCH(warp_kernels::votes, dim3(1), dim3(threads), 0, nullptr, out.data(), modulus), "votes");
  std::vector<unsigned> want(3 * threads);
  for (unsigned t = 0; t < threads; ++t) {
    unsigned ballot = 0, all = 1;
    for (unsigned s = t / 16 * 16; s < t / 16 * 16 + 16 && s < threads; ++s) {
      if (s % modulus == 0) ballot |= 1u << (s % 32);
      else all = 0;
    }
    want[t] = ballot, want[threads + t] = ballot != 0, want[2 * threads + t] = all;
  }
  check.same_bits("votes of " + std::to_string(threads), out.host(), want);
}

void check_exited(Check& check, unsigned stay) {
  DeviceArray<float> last(32);
  DeviceArray<int> neighbour(32);
  DeviceArray<unsigned> ballot(32);
  require(KT_LAUNCH(warp_kernels::exited_lanes, dim3(1), dim3(32), 0, nullptr, last.data(), neighbour.data(),
                    ballot.data(), stay),
          "exited_lanes");
  const std::vector<int> next = neighbour.host();
  const std::vector<unsigned> votes = ballot.host();
  for (unsigned t = 0; t + 1 < stay; ++t) check.same_bits<int>("neighbour", {next[t]}, {static_cast<int>(t) + 1});
  for (unsigned t = 0; t < stay; ++t)
    check.same_bits<unsigned>("ballot without the exited", {votes[t]}, {0xffffffffu >> (32 - stay)});
#ifdef KT_CUEMU  // undefined in CUDA, poison in the emulator
  for (unsigned t = 0; t < stay; ++t) check.same_bits<int>("exited lane is NaN", {std::isnan(last.host()[t])}, {1});
  check.same_bits<int>("exited neighbour", {next[stay - 1]}, {static_cast<int>(0xFFFFC0DEu)});
#endif
}

void check_half_masks(Check& check) {
  DeviceArray<int> inside(32);
  DeviceArray<double> outside(16);
  require(KT_LAUNCH(warp_kernels::half_masks, dim3(1), dim3(32), 0, nullptr, inside.data(), outside.data()), "half");
  std::vector<int> want(32);
  for (int t = 0; t < 32; ++t) want[static_cast<std::size_t>(t)] = t < 16 ? t ^ 1 : t ^ 2;
  check.same_bits("half masks", inside.host(), want);
#ifdef KT_CUEMU
  for (const double value : outside.host()) check.same_bits<int>("outside of the mask", {std::isnan(value)}, {1});
#endif
}

void check_block_votes(Check& check, unsigned threads, unsigned leave) {
  DeviceArray<int> out(3 * threads);
  require(KT_LAUNCH(warp_kernels::block_votes, dim3(1), dim3(threads), 0, nullptr, out.data(), leave), "block_votes");
  const std::vector<int> got = out.host();
  int count = 0;
  for (unsigned t = leave; t < threads; ++t) count += t % 3 == 0;
  for (unsigned t = leave; t < threads; ++t)
    check.same_bits<int>("block votes", {got[t], got[threads + t], got[2 * threads + t]}, {count, 0, 1});
}

void check_indices(Check& check) {
  const dim3 grid(3, 2, 2), block(4, 3, 5);
  const unsigned threads = 60, blocks = 12;
  DeviceArray<uint3> out(2 * std::size_t{threads} * blocks);
  require(KT_LAUNCH(warp_kernels::indices, grid, block, 0, nullptr, out.data()), "indices");
  const std::vector<uint3> got = out.host();
  for (unsigned b = 0; b < blocks; ++b)
    for (unsigned t = 0; t < threads; ++t) {
      const uint3 where = got[2 * (b * threads + t)], who = got[2 * (b * threads + t) + 1];
      check.same_bits<unsigned>("indices", {where.x, where.y, where.z, who.x, who.y, who.z},
                                {b % 3, b / 3 % 2, b / 6, t % 4, t / 4 % 3, t / 12});
    }
}

void check_atomics(Check& check) {
  DeviceArray<int> sum(std::vector<int>{0}), smallest(std::vector<int>{1 << 30});
  DeviceArray<unsigned> largest(std::vector<unsigned>{0}), bits(std::vector<unsigned>{0});
  DeviceArray<unsigned long long> total(std::vector<unsigned long long>{0});
  require(KT_LAUNCH(warp_kernels::atomics, dim3(4), dim3(64), 0, nullptr, sum.data(), largest.data(), smallest.data(),
                    bits.data(), total.data()),
          "atomics");
  check.same_bits<int>("atomicAdd, atomicMin", {sum.host()[0], smallest.host()[0]}, {-256, -50});
  check.same_bits<unsigned>("atomicMax, atomicOr", {largest.host()[0], bits.host()[0]}, {100, 0xffffffffu});
  check.same_bits<unsigned long long>("atomicAdd of 64 bits", total.host(), {256ull << 33});
}

void check_fresh_shared(Check& check) {
#ifdef KT_CUEMU
  DeviceArray<unsigned> out(3 * 32);
  require(KT_LAUNCH(warp_kernels::fresh_shared, dim3(3), dim3(32), 100 * sizeof(float), nullptr, out.data(), 100),
          "fresh_shared");
  check.same_bits("shared memory is poisoned in every block", out.host(), std::vector<unsigned>(96, 0xffffffffu));
#else
  static_cast<void>(check);
#endif
}

void check_refused(Check& check) {
  DeviceArray<int> out(32);
  for (const dim3 block : {dim3(1025), dim3(0), dim3(1, 1, 65)})
    check.same_bits<int>("bad block",
                         {KT_LAUNCH(warp_kernels::different_counts, dim3(1), block, 0, nullptr, out.data())},
                         {cudaErrorInvalidConfiguration});
  check.same_bits<int>("the error is kept once", {cudaGetLastError(), cudaGetLastError()},
                       {cudaErrorInvalidConfiguration, cudaSuccess});
}

}  // namespace

int main() {
  Check check;
  check_shuffles<int>(check, 64);
  check_shuffles<unsigned long long>(check, 32);
  check_shuffles<float>(check, 45);
  check_shuffles<double>(check, 1);
  check_counts(check);
  for (const unsigned threads : {64u, 45u, 7u}) check_votes(check, threads, 3), check_votes(check, threads, 1);
  for (const unsigned stay : {1u, 7u, 31u}) check_exited(check, stay);
  check_half_masks(check);
  check_block_votes(check, 96, 0), check_block_votes(check, 77, 40);
  check_indices(check);
  check_atomics(check);
  check_fresh_shared(check);
  check_refused(check);
  return check.finish();
}
