// split_steps: one pass over lines, enumerators and sentence ends of a trace.
#include <kinetrace/rouge/split.hpp>

#include <cstring>

namespace kinetrace {
namespace {

constexpr const char* kTags[] = {"<think>", "</think>", "<answer>", "</answer>", "<observation>", "</observation>"};
constexpr uint32_t kIdeographicStop = 0x3002, kFullWidthExclamation = 0xff01, kFullWidthQuestion = 0xff1f;
constexpr uint32_t kBullet = 0x2022;

// Properties of the first 128 code points, and which of them end lines or sentences or begin tags.
enum : uint8_t {
  kSpace = 1,
  kAlphanumeric = 2,
  kDigit = 4,
  kSentenceEnd = 8,
  kLineEnd = 16,
  kTagStart = 32,
  kOther = 64
};
struct AsciiTable {
  uint8_t of[129] = {};  // the last one is that of all further code points
  constexpr AsciiTable() {
    of[128] = kOther;
    for (int c = 0; c < 128; ++c) {
      const bool digit = c >= '0' && c <= '9', letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      of[c] = uint8_t((digit ? kDigit : 0) | (digit || letter ? kAlphanumeric : 0));
      if ((c >= 9 && c <= 13) || (c >= 28 && c <= 32)) of[c] |= kSpace;
      if (c == '.' || c == '!' || c == '?' || c == ';') of[c] |= kSentenceEnd;
      if (c == '\r' || c == '\n') of[c] |= kLineEnd;
      if (c == '<') of[c] |= kTagStart;
    }
  }
};
constexpr AsciiTable kAscii;

template <class Character> class Splitter {
 public:
  Splitter(const Text& text, const Character* s, const CharacterTables& tables, std::vector<Text>& steps)
      : text_(text), s_(s), tables_(tables), steps_(steps) {}

  void run(bool markers) {
    int64_t begin = 0, end = text_.size;
    const int64_t open = find(kTags[0], 0), close = open < 0 ? -1 : find(kTags[1], open + 7);
    const bool thought = close >= 0;
    if (thought) begin = open + 7, end = close;
    int64_t start = begin;
    for (int64_t i = begin; (i = next(i, end, thought ? kLineEnd : kLineEnd | kTagStart)) < end; ++i) {
      const int64_t size = ascii(s_[i]) & kLineEnd ? 1 : tag_at(i, end);
      if (!size) continue;
      line(start, i, markers);
      start = i + size, i = start - 1;
    }
    line(start, end, markers);
  }

 private:
  static uint8_t ascii(uint32_t c) { return kAscii.of[c < 128 ? c : 128]; }
  // The first place in [at, end) whose kind is among those asked for.
  int64_t next(int64_t at, int64_t end, unsigned kinds) const {
    for (; at + 8 <= end; at += 8) {
      unsigned any = 0;
      for (int64_t k = 0; k < 8; ++k) any |= ascii(s_[at + k]);
      if (any & kinds) break;
    }
    while (at < end && !(ascii(s_[at]) & kinds)) ++at;
    return at;
  }
  bool space(uint32_t c) const { return c < 128 ? kAscii.of[c] & kSpace : tables_.is_space(c); }
  bool alphanumeric(uint32_t c) const { return c < 128 ? kAscii.of[c] & kAlphanumeric : tables_.is_alphanumeric(c); }
  bool digit(uint32_t c) const { return c < 128 ? kAscii.of[c] & kDigit : tables_.is_decimal(c); }

  bool is(const char* word, int64_t at, int64_t end) const {
    for (; *word; ++word, ++at)
      if (at >= end || uint32_t(s_[at]) != uint32_t(uint8_t(*word))) return false;
    return true;
  }
  int64_t find(const char* word, int64_t from) const {
    for (int64_t i = from; (i = next(i, text_.size, kTagStart)) < text_.size; ++i)
      if (is(word, i, text_.size)) return i;
    return -1;
  }
  int64_t tag_at(int64_t at, int64_t end) const {
    for (const char* tag : kTags)
      if (is(tag, at, end)) return int64_t(std::strlen(tag));
    return 0;
  }

  int64_t skip_spaces(int64_t at, int64_t end) const {
    while (at < end && space(s_[at])) ++at;
    return at;
  }
  int64_t skip_digits(int64_t at, int64_t end) const {
    while (at < end && digit(s_[at])) ++at;
    return at;
  }
  bool ends_word(int64_t at, int64_t end) const { return at >= end || space(s_[at]); }

  // Where "Step 3:" at `at` ends, or -1.
  int64_t step_number(int64_t at, int64_t end) const {
    if (!is("step", at, end) && !is("Step", at, end) && !is("STEP", at, end)) return -1;
    at += 4;
    if (at < end && space(s_[at])) ++at;
    const int64_t digits = at;
    at = skip_digits(at, end);
    if (at == digits) return -1;
    at = skip_spaces(at, end);
    if (at >= end || !(s_[at] == ':' || s_[at] == '.' || s_[at] == ')' || s_[at] == '-')) return -1;
    return ends_word(at + 1, end) ? at + 1 : -1;
  }
  // Where the enumerator at the start of a line ends; its start if there is none.
  int64_t after_enumerator(int64_t begin, int64_t end) const {
    int64_t at = skip_spaces(begin, end);
    const int64_t step = step_number(at, end);
    if (step >= 0) return step;
    if (at < end && (s_[at] == '-' || s_[at] == '*' || uint32_t(s_[at]) == kBullet))
      return ends_word(at + 1, end) ? at + 1 : begin;
    if (at < end && s_[at] == '(') ++at;
    const int64_t digits = at;
    at = skip_digits(at, end);
    if (at == digits) return begin;
    at = skip_spaces(at, end);
    return at < end && (s_[at] == '.' || s_[at] == ')') && ends_word(at + 1, end) ? at + 1 : begin;
  }

  void line(int64_t begin, int64_t end, bool markers) {
    int64_t start = begin;
    for (int64_t i = begin + 1; markers && i < end; ++i) {
      if (s_[i] != 's' && s_[i] != 'S') continue;
      if (s_[i - 1] == '_' || alphanumeric(s_[i - 1]) || step_number(i, end) < 0) continue;
      sentences(start, i);
      start = i;
    }
    sentences(start, end);
  }
  void sentences(int64_t begin, int64_t end) {
    int64_t start = after_enumerator(begin, end);
    for (int64_t i = start; (i = next(i, end, kSentenceEnd | kOther)) < end; ++i) {
      const uint32_t c = s_[i];
      const bool ender = ascii(c) & kSentenceEnd
                             ? i + 1 < end && space(s_[i + 1])
                             : c == kIdeographicStop || c == kFullWidthExclamation || c == kFullWidthQuestion;
      if (!ender) continue;
      piece(start, i + 1);
      start = i + 1;
    }
    piece(start, end);
  }
  void piece(int64_t begin, int64_t end) {
    while (begin < end && space(s_[begin])) ++begin;
    while (begin < end && space(s_[end - 1])) --end;
    for (int64_t i = begin; i < end; ++i)
      if (alphanumeric(s_[i])) {
        steps_.push_back(text_.slice(begin, end));
        return;
      }
  }

  const Text& text_;
  const Character* s_;
  const CharacterTables& tables_;
  std::vector<Text>& steps_;
};

}  // namespace

void split_steps(const Text& text, bool markers, const CharacterTables& tables, std::vector<Text>& steps) {
  with_characters(text, [&](auto* s) {
    using Character = std::remove_const_t<std::remove_pointer_t<decltype(s)>>;
    Splitter<Character>(text, s, tables, steps).run(markers);
  });
}

}  // namespace kinetrace
