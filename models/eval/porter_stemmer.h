// Porter's stemmer (M. Porter, "An algorithm for suffix stripping", Program 14.3, 1980) with the
// extensions that NLTK makes by default, which the rouge-score package counts words with.
#ifndef STRATA_MODELS_EVAL_PORTER_STEMMER_H_
#define STRATA_MODELS_EVAL_PORTER_STEMMER_H_

#include <string>
#include <string_view>

namespace strata::models {

// word: lower-case ASCII letters and digits; digits count as consonants.
std::string PorterStem(std::string_view word);

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_PORTER_STEMMER_H_
