// Text to token numbers, as rouge-score tokenises: lower case, runs of ASCII letters and digits, long ones stemmed.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "interner.hpp"
#include "porter.hpp"
#include "text.hpp"

namespace kinetrace {

constexpr int64_t kLongestUnstemmed = 3;  // rouge-score's

// The lower-case letter or digit, or 0 for what separates words.
inline char word_character(uint32_t c) {
  const uint32_t letter = c | 0x20;
  return letter - 'a' < 26 && c < 128 ? char(letter) : c - '0' < 10 ? char(c) : char(0);
}

// Writes the text with separators as zeros; returns the length. A single byte never becomes two.
inline int64_t lower(const uint8_t* text, int64_t size, char* out) {
  for (int64_t i = 0; i < size; ++i) out[i] = word_character(text[i]);
  return size;
}
// Two code points that are not ASCII have ASCII letters in lower case: the Kelvin sign is k, and the capital I with a dot
// is i with a combining dot behind it.
template <class Character> int64_t lower(const Character* text, int64_t size, char* out) {
  int64_t n = 0;
  for (int64_t i = 0; i < size; ++i) {
    const uint32_t c = text[i];
    if (c == 0x130) out[n++] = 'i', out[n++] = 0;
    else out[n++] = c == 0x212a ? 'k' : word_character(c);
  }
  return n;
}

class Vocabulary {
 public:
  explicit Vocabulary(bool stem) : stem_(stem) {}
  int32_t size() const { return stem_ ? stems_.size() : words_.size(); }
  std::string token(int32_t id) const { return stem_ ? stems_.word(id) : words_.word(id); }

  // Appends the numbers of the tokens of a text.
  void tokenise(const Text& text, std::vector<int32_t>& out) {
    const std::size_t room = std::size_t(text.size * (text.width == 1 ? 1 : 2) + kWordPadding);
    if (line_.size() < room) line_.resize(room);
    char* line = line_.data();
    const int64_t size = with_characters(text, [&](auto* s) { return lower(s, text.size, line); });
    std::memset(line + size, 0, std::size_t(kWordPadding));
    for (int64_t i = 0; i < size; ++i) {
      if (!line[i]) continue;
      const int64_t length = bytes_before_zero(line + i);
      out.push_back(number(line + i, length));
      i += length;
    }
  }

 private:
  int32_t number(const char* word, int64_t length) {
    const int32_t id = words_.number(word, length);
    if (!stem_) return id;
    if (id == int32_t(stem_of_.size())) stem_of_.push_back(stem_number(word, length));
    return stem_of_[std::size_t(id)];
  }
  int32_t stem_number(const char* word, int64_t length) {
    if (length <= kLongestUnstemmed) return stems_.number(word, length);
    scratch_.assign(word, word + length);
    scratch_.resize(std::size_t(length + kWordPadding));
    return stems_.number(scratch_.data(), porter_stem(scratch_.data(), length));
  }

  bool stem_;
  Interner words_, stems_;
  std::vector<int32_t> stem_of_;  // by the number of a word
  std::vector<char> line_, scratch_;
};

}  // namespace kinetrace
