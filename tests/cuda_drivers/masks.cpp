// The mask kernels against plain loops: counts one pixel at a time, distances over all pairs of pixels, every output bit.
#define KT_CHAMFER_PIXELS 6000  // two images of the first case at a time
#include <algorithm>

#include "driver.hpp"

#include "masks.cu"

namespace {

using kinetrace::MasksArgs;
using kinetrace::Strided;

struct Case {
  int64_t problems, frames, height, width;
  int64_t right, gap;  // columns between neighbouring pixels; bytes between rows
  unsigned empty;  // one mask in so many is
};

struct Stack {
  std::vector<uint8_t> bytes;
  int64_t shape[4], stride[4];
  Strided<const uint8_t, 4> view(const uint8_t* data) const {
    Strided<const uint8_t, 4> v;
    v.data = data;
    for (int i = 0; i < 4; ++i) v.extent[i] = shape[i], v.stride[i] = stride[i];
    return v;
  }
};

Stack make_stack(const Case& c, kinetrace::driver::Random& random) {
  const int64_t row = c.width * c.right + c.gap, image = c.height * row;
  Stack s{std::vector<uint8_t>(std::size_t(c.problems * c.frames * image)),
          {c.problems, c.frames, c.height, c.width},
          {c.frames * image, image, row, c.right}};
  for (auto& byte : s.bytes) byte = 7;  // what lies between the pixels
  for (int64_t i = 0; i < c.problems * c.frames; ++i) {
    const bool empty = random.below(c.empty) == 0;
    const unsigned sparse = 1 + random.below(30);
    for (int64_t y = 0; y < c.height; ++y)
      for (int64_t x = 0; x < c.width; ++x)
        s.bytes[std::size_t(i * image + y * row + x * c.right)] =
            !empty && random.below(sparse) == 0 ? uint8_t(1 + random.below(255)) : uint8_t(0);
  }
  return s;
}

bool set_at(const Stack& s, int64_t image, int64_t y, int64_t x) {
  return s.bytes[std::size_t(image / s.shape[1] * s.stride[0] + image % s.shape[1] * s.stride[1] + y * s.stride[2] +
                             x * s.stride[3])] != 0;
}

// Sum of the distances from the pixels of one mask to the other, in the order that masks.hpp states.
double directed_sum(const Stack& from, const Stack& to, int64_t image, int64_t& count) {
  const int64_t height = from.shape[2], width = from.shape[3];
  double rows[kinetrace::kSumLanes] = {};
  count = 0;
  for (int64_t y = 0; y < height; ++y) {
    double lanes[kinetrace::kSumLanes] = {};
    for (int64_t x = 0; x < width; ++x) {
      if (!set_at(from, image, y, x)) continue;
      ++count;
      int64_t best = 2147483647;
      for (int64_t v = 0; v < height; ++v)
        for (int64_t u = 0; u < width; ++u)
          if (set_at(to, image, v, u)) best = std::min(best, (x - u) * (x - u) + (y - v) * (y - v));
      lanes[x % kinetrace::kSumLanes] += kinetrace::pixel_distance(int32_t(best));
    }
    kinetrace::tree_sum(lanes);
    rows[y % kinetrace::kSumLanes] += lanes[0];
  }
  kinetrace::tree_sum(rows);
  return rows[0];
}

struct Expected {
  std::vector<double> centroids, iou, chamfer;
};

Expected expected(const Stack& a, const Stack& b) {
  Expected out;
  for (int64_t i = 0; i < a.shape[0] * a.shape[1]; ++i) {
    int64_t count = 0, sum_x = 0, sum_y = 0, both = 0, either = 0, count_a = 0, count_b = 0;
    for (int64_t y = 0; y < a.shape[2]; ++y)
      for (int64_t x = 0; x < a.shape[3]; ++x) {
        const bool p = set_at(a, i, y, x), q = set_at(b, i, y, x);
        if (p) ++count, sum_x += x, sum_y += y;
        both += p && q, either += p || q;
      }
    out.centroids.push_back(kinetrace::centroid_of(sum_x, count));
    out.centroids.push_back(kinetrace::centroid_of(sum_y, count));
    out.iou.push_back(kinetrace::iou_of(both, either));
    const double sum_a = directed_sum(a, b, i, count_a), sum_b = directed_sum(b, a, i, count_b);
    out.chamfer.push_back(kinetrace::chamfer_of(sum_a, count_a, sum_b, count_b));
  }
  return out;
}

// NaNs of any bits are equal.
void same(kinetrace::driver::Check& check, const char* name, std::vector<double> got, std::vector<double> want) {
  for (auto* values : {&got, &want})
    for (double& x : *values)
      if (x != x) x = kinetrace::quiet_nan<double>();
  check.same_bits(name, got, want);
}

using Kernel = kinetrace::Outcome (*)(const MasksArgs&, const kinetrace::Launch&);

std::vector<double> call(Kernel kernel, MasksArgs a, int64_t workspace_bytes, std::size_t values) {
  kinetrace::driver::DeviceArray<double> value(values);
  kinetrace::driver::DeviceArray<uint8_t> workspace{std::size_t(workspace_bytes)};
  a.value = value.data(), a.workspace = workspace.data();
  const kinetrace::Outcome outcome = kernel(a, kinetrace::Launch{});
  if (outcome.code) {
    std::fprintf(stderr, "%s\n", outcome.message);
    std::exit(2);
  }
  return value.host();
}

void run(const Case& c, kinetrace::driver::Random& random, kinetrace::driver::Check& check) {
  namespace backend = kinetrace::KT_BACKEND;
  const Stack a = make_stack(c, random), b = make_stack(c, random);
  kinetrace::driver::DeviceArray<uint8_t> on_device_a(a.bytes), on_device_b(b.bytes);
  MasksArgs args;
  args.problems = c.problems, args.frames = c.frames, args.height = c.height, args.width = c.width;
  args.a = a.view(on_device_a.data());
  const Expected want = expected(a, b);
  const std::size_t images = std::size_t(c.problems * c.frames);
  same(check, "centroids", call(&backend::mask_centroids, args, backend::mask_centroids_workspace(args), 2 * images),
       want.centroids);
  args.b = b.view(on_device_b.data());
  same(check, "iou", call(&backend::mask_iou, args, backend::mask_iou_workspace(args), images), want.iou);
  same(check, "chamfer", call(&backend::mask_chamfer, args, backend::mask_chamfer_workspace(args), images),
       want.chamfer);
}

}  // namespace

int main() {
  kinetrace::driver::Random random(11);
  kinetrace::driver::Check check;
  const Case cases[] = {{2, 3, 21, 70, 1, 0, 5}, {1, 2, 40, 32, 1, 0, 9}, {1, 3, 35, 19, 2, 3, 9},
                        {1, 1, 1, 1, 1, 0, 9},   {3, 2, 5, 48, 1, 0, 2},  {1, 1, 70, 5, 1, 2, 9}};
  for (const Case& c : cases) run(c, random, check);
  return check.finish();
}
