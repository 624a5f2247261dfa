// driver.hpp: what a small test program around one CUDA kernel needs: device arrays, seeded data, a bitwise comparison.
// The same program runs on the emulator (-DKT_CUEMU) and, compiled by nvcc -x cu, on a GPU.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "launch.cuh"

namespace kinetrace {
namespace driver {

// Exit code 2: the program could not do its work, as opposed to 1, wrong values.
inline void require(cudaError_t status, const char* what) {
  const Outcome error = cuda::check(status, what);
  if (!error) return;
  std::fprintf(stderr, "%s\n", error.message);
  std::exit(2);
}

// Device memory of exactly `size` elements. Without initial values every byte is 0xFF: outputs are poisoned before a
// kernel runs, so an element that is never written shows up as NaN (or -1).
template <class T> class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    require(cudaMalloc(&data_, size * sizeof(T)), "cudaMalloc");
    require(cudaMemset(data_, 0xFF, size * sizeof(T)), "cudaMemset");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    require(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceArray() { static_cast<void>(cudaFree(data_)); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  std::size_t size() const { return size_; }
  std::vector<T> host() const {
    std::vector<T> values(size_);
    require(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    require(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

// Counts elements that differ; the first few of each comparison are printed.
class Check {
 public:
  template <class T> void same_bits(const std::string& name, const std::vector<T>& got, const std::vector<T>& want) {
    if (got.size() != want.size()) {
      std::fprintf(stderr, "%s: %zu elements, expected %zu\n", name.c_str(), got.size(), want.size());
      ++wrong_;
      return;
    }
    int shown = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      ++compared_;
      if (std::memcmp(&got[i], &want[i], sizeof(T)) == 0) continue;
      ++wrong_;
      if (shown++ < 3)
        std::fprintf(stderr, "%s[%zu]: got %.9g, expected %.9g\n", name.c_str(), i, static_cast<double>(got[i]),
                     static_cast<double>(want[i]));
    }
  }
  // |got - want| <= absolute + relative * |want|, NaN equal to NaN only.
  template <class T>
  void close(const std::string& name, const std::vector<T>& got, const std::vector<T>& want, double relative,
             double absolute) {
    if (got.size() != want.size()) return same_bits(name, got, want);
    int shown = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double g = static_cast<double>(got[i]), w = static_cast<double>(want[i]);
      ++compared_;
      const double distance = g > w ? g - w : w - g, size = w < 0 ? -w : w;
      if ((g != g && w != w) || g == w || distance <= absolute + relative * size) continue;
      ++wrong_;
      if (shown++ < 3) std::fprintf(stderr, "%s[%zu]: got %.9g, expected %.9g\n", name.c_str(), i, g, w);
    }
  }
  // Prints a summary and returns main's exit code; a program that compared nothing fails.
  int finish() const {
    std::printf("%zu values compared, %zu wrong\n", compared_, wrong_);
    return wrong_ != 0 || compared_ == 0 ? 1 : 0;
  }

 private:
  std::size_t compared_ = 0, wrong_ = 0;
};

// Seeded data; the distributions of <random> are not the same everywhere, these are.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1.0p-53);
  }
  template <class T> std::vector<T> uniforms(std::size_t n, double low, double high) {
    std::vector<T> values(n);
    for (T& value : values) value = static_cast<T>(uniform(low, high));
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace driver
}  // namespace kinetrace
