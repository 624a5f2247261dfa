// Porter's stemmer with the extensions of NLTK's PorterStemmer in its default mode.
#pragma once
#include <cstdint>

namespace kinetrace {

// Stems word[0 .. length) of lower-case ASCII letters and digits in place; returns the new length. No stem is longer than
// its word, nor is anything on the way.
int64_t porter_stem(char* word, int64_t length);

}  // namespace kinetrace
