// A view on a string of code points, one, two or four bytes wide each: what Python strings are, surrogates included.
#pragma once
#include <cstdint>
#include <cstring>

namespace kinetrace {

struct Text {
  const void* data = nullptr;
  int64_t size = 0;  // code points
  int width = 1;     // bytes of one: 1, 2 or 4

  Text slice(int64_t begin, int64_t end) const {
    return {static_cast<const char*>(data) + begin * width, end - begin, width};
  }
  bool operator==(const Text& other) const {
    return size == other.size && width == other.width &&
           (size == 0 || std::memcmp(data, other.data, std::size_t(size * width)) == 0);
  }
};

// f(pointer to the code points), with their type.
template <class F> auto with_characters(const Text& text, const F& f) {
  if (text.width == 1) return f(static_cast<const uint8_t*>(text.data));
  if (text.width == 2) return f(static_cast<const uint16_t*>(text.data));
  return f(static_cast<const uint32_t*>(text.data));
}

}  // namespace kinetrace
