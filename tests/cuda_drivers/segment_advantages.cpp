// segment_advantages under the emulator (or a GPU) against a plain look-up.
#include "driver.hpp"

#include "segment_advantages.cu"

namespace {

template <class T, class Id>
int run(kinetrace::SegmentId id, int64_t rows, int64_t tokens, int64_t columns, kinetrace::driver::Random& random,
        kinetrace::driver::Check& check) {
  using namespace kinetrace;
  const std::vector<T> advantages = random.uniforms<T>(std::size_t(rows * columns), -2, 2);
  std::vector<Id> segments(std::size_t(rows * tokens));
  for (Id& s : segments) s = Id(random.below(unsigned(columns) + 3)) - 2;  // two of them are no segment's number
  std::vector<T> want(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const int64_t row = int64_t(i) / tokens, s = int64_t(segments[i]);
    want[i] = s == -1 ? T(0) : s >= 0 && s < columns ? advantages[std::size_t(row * columns + s)] : quiet_nan<T>();
  }
  driver::DeviceArray<T> table(advantages), value(segments.size());
  driver::DeviceArray<Id> ids(segments);
  SegmentAdvantagesArgs<T> a;
  a.rows = rows, a.tokens = tokens, a.columns = columns, a.value = value.data();
  a.advantages = {table.data(), {rows, columns}, {columns, 1}};
  a.segments = {ids.data(), {rows, tokens}, {tokens, 1}}, a.id = id;
  const Outcome outcome = KT_BACKEND::segment_advantages(a, Launch{});
  if (outcome.code) {
    std::fprintf(stderr, "%s\n", outcome.message);
    return 2;
  }
  check.close("advantages", value.host(), want, 0, 0);
  return 0;
}

}  // namespace

int main() {
  kinetrace::driver::Random random(5);
  kinetrace::driver::Check check;
  using kinetrace::SegmentId;
  if (const int code = run<float, int32_t>(SegmentId::int32, 3, 100, 2, random, check)) return code;
  if (const int code = run<float, int64_t>(SegmentId::int64, 5, 256, 3, random, check)) return code;
  if (const int code = run<float, int8_t>(SegmentId::int8, 3, 111, 2, random, check)) return code;
  if (const int code = run<float, uint8_t>(SegmentId::uint8, 2, 130, 5, random, check)) return code;
  if (const int code = run<double, int32_t>(SegmentId::int32, 1, 1, 1, random, check)) return code;
  if (const int code = run<double, int64_t>(SegmentId::int64, 7, 77, 4, random, check)) return code;
  if (const int code = run<double, uint8_t>(SegmentId::uint8, 2, 9, 3, random, check)) return code;
  return check.finish();
}
