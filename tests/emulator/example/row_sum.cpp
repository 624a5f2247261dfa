// row_sum.cpp: the driver of the example kernel: random rows against a plain sum, exit code 1 when a value is wrong.
#include "driver.hpp"
#include "row_sum.cu"

int main() {
  using namespace kinetrace;
  driver::Random random(11);
  driver::Check check;
  for (const int columns : {1, 31, 128, 300}) {
    const int rows = 3;
    std::vector<float> values(static_cast<std::size_t>(rows * columns)), sums, means;
    for (float& value : values) value = static_cast<float>(random.below(64));  // small integers: every order is exact
    for (int r = 0; r < rows; ++r) {
      float sum = 0;
      for (int i = 0; i < columns; ++i) sum += values[static_cast<std::size_t>(r * columns + i)];
      sums.push_back(sum);
      means.push_back(sum / static_cast<float>(columns));
    }
    driver::DeviceArray<float> in(values), got_sums(sums.size()), got_means(sums.size());
    const Outcome error = launch_row_sum(in.data(), got_sums.data(), got_means.data(), rows, columns);
    if (error) {
      std::fprintf(stderr, "%s\n", error.message);
      return 2;
    }
    check.same_bits("sums", got_sums.host(), sums);
    check.same_bits("means", got_means.host(), means);
  }
  return check.finish();
}
