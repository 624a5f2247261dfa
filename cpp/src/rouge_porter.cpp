// Porter's stemmer, steps 1a to 5b. In a table the first suffix that matches decides, whether its condition holds or not.
#include <kinetrace/rouge/porter.hpp>

#include <cstring>

namespace kinetrace {
namespace {

struct Word {
  char* letters;
  int64_t length;

  char operator[](int64_t i) const { return letters[i]; }
  char last(int64_t back = 0) const { return letters[length - 1 - back]; }
  Word stem(int64_t without) const { return {letters, length - without}; }
};

struct Rule {
  const char* suffix;
  const char* replacement;
};

constexpr Rule kIrregular[] = {
    {"sky", "sky"},       {"skies", "sky"},       {"dying", "die"},       {"lying", "lie"},
    {"tying", "tie"},     {"news", "news"},       {"inning", "inning"},   {"innings", "inning"},
    {"outing", "outing"}, {"outings", "outing"},  {"canning", "canning"}, {"cannings", "canning"},
    {"howe", "howe"},     {"proceed", "proceed"}, {"exceed", "exceed"},   {"succeed", "succeed"}};
constexpr Rule kStep1a[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
constexpr Rule kStep2[] = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
                           {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
                           {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
                           {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
                           {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
                           {"fulli", "ful"},   {"logi", "log"}};
constexpr Rule kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                           {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
constexpr Rule kStep4[] = {{"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""},    {"ic", ""},
                           {"able", ""}, {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""},
                           {"ent", ""},  {"ion", ""},  {"ou", ""},   {"ism", ""},   {"ate", ""},
                           {"iti", ""},  {"ous", ""},  {"ive", ""},  {"ize", ""}};

bool is_vowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

// y is a vowel exactly after a consonant.
bool vowel_after(char c, bool first, bool after_vowel) { return is_vowel(c) || (c == 'y' && !first && !after_vowel); }

bool vowel_at(const Word& w, int64_t i) {
  int64_t start = i;
  while (start > 0 && w[start] == 'y') --start;
  bool vowel = vowel_after(w[start], true, false);
  while (start < i) vowel = vowel_after(w[++start], false, vowel);
  return vowel;
}

// m of the paper: how often a consonant directly follows a vowel.
int64_t measure(const Word& w) {
  int64_t m = 0;
  bool vowel = false;
  for (int64_t i = 0; i < w.length; ++i) {
    const bool now = vowel_after(w[i], i == 0, vowel);
    m += vowel && !now;
    vowel = now;
  }
  return m;
}

bool has_vowel(const Word& w) {
  bool vowel = false;
  for (int64_t i = 0; i < w.length && !vowel; ++i) vowel = vowel_after(w[i], i == 0, vowel);
  return vowel;
}

// *o of the paper: consonant, vowel, consonant other than w, x, y; and in NLTK's extension a vowel and a consonant alone.
bool ends_short(const Word& w) {
  const int64_t n = w.length;
  if (n < 2 || vowel_at(w, n - 1) || !vowel_at(w, n - 2)) return false;
  if (n == 2) return true;
  const char c = w.last();
  return !vowel_at(w, n - 3) && c != 'w' && c != 'x' && c != 'y';
}

bool ends(const Word& w, const char* suffix, int64_t size) {
  return w.length >= size && std::memcmp(w.letters + w.length - size, suffix, std::size_t(size)) == 0;
}
template <int N> bool ends(const Word& w, const char (&suffix)[N]) { return ends(w, suffix, N - 1); }

void append(Word& w, const char* text) {
  while (*text) w.letters[w.length++] = *text++;
}

// Applies the first rule whose suffix matches, if allowed(stem, suffix).
template <int N, class F> void apply(Word& w, const Rule (&rules)[N], const F& allowed) {
  for (const Rule& rule : rules) {
    const int64_t size = int64_t(std::strlen(rule.suffix));
    if (w.length < size || w.last() != rule.suffix[size - 1] || !ends(w, rule.suffix, size)) continue;
    if (allowed(w.stem(size), rule.suffix)) w.length -= size, append(w, rule.replacement);
    return;
  }
}

void past(Word& w) {  // step 1b
  if (ends(w, "ied")) {
    w.length -= w.length == 4 ? 1 : 2;
    return;
  }
  if (ends(w, "eed")) {
    if (measure(w.stem(3)) > 0) w.length -= 1;
    return;
  }
  if (ends(w, "ed") && has_vowel(w.stem(2))) w.length -= 2;
  else if (ends(w, "ing") && has_vowel(w.stem(3))) w.length -= 3;
  else return;
  const char c = w.last();
  if (ends(w, "at") || ends(w, "bl") || ends(w, "iz")) {
    append(w, "e");
  } else if (w.length > 1 && c == w.last(1) && !vowel_at(w, w.length - 1)) {
    if (c != 'l' && c != 's' && c != 'z') w.length -= 1;
  } else if (measure(w) == 1 && ends_short(w)) {
    append(w, "e");
  }
}

void double_suffix(Word& w) {  // step 2
  while (ends(w, "alli") && measure(w.stem(4)) > 0) w.length -= 2;
  // The l of logi counts as part of the stem.
  apply(w, kStep2, [&](Word stem, const char* suffix) {
    if (suffix[0] == 'l') stem.length += 1;
    return measure(stem) > 0;
  });
}

void final_e_and_l(Word& w) {  // steps 5a and 5b
  if (w.length > 0 && w.last() == 'e') {
    const int64_t m = measure(w.stem(1));
    if (m > 1 || (m == 1 && !ends_short(w.stem(1)))) w.length -= 1;
  }
  if (ends(w, "ll") && measure(w.stem(1)) > 1) w.length -= 1;
}

}  // namespace

int64_t porter_stem(char* word, int64_t length) {
  for (const Rule& rule : kIrregular)
    if (int64_t(std::strlen(rule.suffix)) == length && std::memcmp(word, rule.suffix, std::size_t(length)) == 0) {
      Word w{word, 0};
      append(w, rule.replacement);
      return w.length;
    }
  if (length <= 2) return length;
  Word w{word, length};
  if (length == 4 && ends(w, "ies")) w.length -= 1;
  else apply(w, kStep1a, [](const Word&, const char*) { return true; });
  past(w);
  if (w.length > 2 && w.last() == 'y' && !vowel_at(w, w.length - 2)) w.letters[w.length - 1] = 'i';  // step 1c
  double_suffix(w);
  apply(w, kStep3, [](const Word& stem, const char*) { return measure(stem) > 0; });
  apply(w, kStep4, [](const Word& stem, const char* suffix) {
    return measure(stem) > 1 && (std::strcmp(suffix, "ion") != 0 || stem.last() == 's' || stem.last() == 't');
  });
  final_e_and_l(w);
  return w.length;
}

}  // namespace kinetrace
