#include "models/eval/rouge.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>

#include "models/eval/porter_stemmer.h"

namespace strata::models {
namespace {

using Words = std::vector<int>;  // by number: equal stems have equal numbers

// Texts that are compared share the numbers.
class WordNumbers {
 public:
  Words Of(std::string_view text) {
    Words words;
    std::string word;
    const auto finish = [&] {
      if (word.empty()) return;
      const std::string stem = word.size() > 3 ? PorterStem(word) : word;
      words.push_back(numbers_.emplace(stem, static_cast<int>(numbers_.size())).first->second);
      word.clear();
    };
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 'A' && byte <= 'Z') {
        word += static_cast<char>(byte - 'A' + 'a');
      } else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')) {
        word += static_cast<char>(byte);
      } else if (text.substr(i, 3) == "\u212A") {  // the sign of Kelvin is a k in lower case
        word += 'k';
        i += 2;
      } else if (text.substr(i, 2) == "\u0130") {  // I with a dot: an i and a mark of its own
        word += 'i';
        finish();
        ++i;
      } else {
        finish();
      }
    }
    finish();
    return words;
  }

 private:
  std::unordered_map<std::string, int> numbers_;
};

RougeScore ScoreOf(double common, double of_reference, double of_summary) {
  RougeScore score;
  if (of_summary > 0) score.precision = common / of_summary;
  if (of_reference > 0) score.recall = common / of_reference;
  if (score.precision + score.recall > 0) {
    score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  }
  return score;
}

RougeScore NGrams(const Words& reference, const Words& summary, size_t n) {
  const auto count = [n](const Words& words) {
    std::map<Words, int> counts;
    for (size_t i = 0; i + n <= words.size(); ++i) {
      ++counts[Words(words.begin() + static_cast<std::ptrdiff_t>(i),
                     words.begin() + static_cast<std::ptrdiff_t>(i + n))];
    }
    return counts;
  };
  const std::map<Words, int> wanted = count(reference), found = count(summary);
  int common = 0;
  for (const auto& [gram, times] : wanted) {
    const auto place = found.find(gram);
    if (place != found.end()) common += std::min(times, place->second);
  }
  const auto total = [n](const Words& words) {
    return words.size() >= n ? static_cast<double>(words.size() - n + 1) : 0.0;
  };
  return ScoreOf(common, total(reference), total(summary));
}

// [R + 1][S + 1]: the longest common subsequence of the first r and the first s words.
class LcsTable {
 public:
  LcsTable(const Words& reference, const Words& summary)
      : reference_(reference), summary_(summary), width_(summary.size() + 1) {
    lengths_.resize((reference.size() + 1) * width_);
    for (size_t r = 1; r <= reference.size(); ++r) {
      for (size_t s = 1; s <= summary.size(); ++s) {
        lengths_[r * width_ + s] = reference[r - 1] == summary[s - 1]
                                       ? At(r - 1, s - 1) + 1
                                       : std::max(At(r - 1, s), At(r, s - 1));
      }
    }
  }

  int length() const { return lengths_.back(); }

  // Places of one such subsequence in the reference: among equals the package's.
  void AddPlaces(std::set<size_t>& places) const {
    size_t r = reference_.size(), s = summary_.size();
    while (r > 0 && s > 0) {
      if (reference_[r - 1] == summary_[s - 1]) {
        places.insert(r - 1);
        --r;
        --s;
      } else if (At(r, s - 1) > At(r - 1, s)) {
        --s;
      } else {
        --r;
      }
    }
  }

 private:
  int At(size_t r, size_t s) const { return lengths_[r * width_ + s]; }

  const Words& reference_;
  const Words& summary_;
  const size_t width_;
  std::vector<int> lengths_;
};

RougeScore Lcs(const Words& reference, const Words& summary) {
  if (reference.empty() || summary.empty()) return {};
  return ScoreOf(LcsTable(reference, summary).length(), static_cast<double>(reference.size()),
                 static_cast<double>(summary.size()));
}

std::vector<Words> Lines(std::string_view text, WordNumbers& numbers) {
  std::vector<Words> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(numbers.Of(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Each line of the reference counts what any line of the summary has in order, each word at most
// as often as both texts have it.
RougeScore LcsByLines(const std::vector<Words>& reference, const std::vector<Words>& summary) {
  std::unordered_map<int, int> of_reference, of_summary;
  size_t num_reference = 0, num_summary = 0;
  for (const Words& line : reference) {
    num_reference += line.size();
    for (int word : line) ++of_reference[word];
  }
  for (const Words& line : summary) {
    num_summary += line.size();
    for (int word : line) ++of_summary[word];
  }
  if (num_reference == 0 || num_summary == 0) return {};
  int common = 0;
  for (const Words& line : reference) {
    std::set<size_t> places;
    for (const Words& other : summary) LcsTable(line, other).AddPlaces(places);
    for (size_t place : places) {
      int& left = of_summary[line[place]];
      int& wanted = of_reference[line[place]];
      if (left == 0 || wanted == 0) continue;
      --left;
      --wanted;
      ++common;
    }
  }
  return ScoreOf(common, static_cast<double>(num_reference), static_cast<double>(num_summary));
}

}  // namespace

RougeScores ComputeRouge(std::string_view reference, std::string_view summary) {
  WordNumbers numbers;
  const Words wanted = numbers.Of(reference), found = numbers.Of(summary);
  return {NGrams(wanted, found, 1), NGrams(wanted, found, 2), Lcs(wanted, found),
          LcsByLines(Lines(reference, numbers), Lines(summary, numbers))};
}

RougeReport SummarizeRouge(const std::vector<RougeScores>& scores, int num_resamples,
                           uint64_t seed) {
  RougeReport report;
  if (scores.empty()) return report;
  const auto total = static_cast<double>(scores.size());
  const std::pair<RougeScore RougeScores::*, Interval RougeReport::*> kinds[] = {
      {&RougeScores::rouge1, &RougeReport::rouge1},
      {&RougeScores::rouge2, &RougeReport::rouge2},
      {&RougeScores::rouge_l, &RougeReport::rouge_l},
      {&RougeScores::rouge_l_sum, &RougeReport::rouge_l_sum}};
  for (const auto& [kind, interval] : kinds) {
    RougeScore& mean = report.mean.*kind;
    for (const RougeScores& one : scores) {
      mean.precision += (one.*kind).precision;
      mean.recall += (one.*kind).recall;
      mean.f1 += (one.*kind).f1;
    }
    mean = {mean.precision / total, mean.recall / total, mean.f1 / total};
    std::mt19937_64 random(seed);
    std::vector<double> means;
    for (int n = 0; n < num_resamples; ++n) {
      double sum = 0;
      for (size_t i = 0; i < scores.size(); ++i) sum += (scores[random() % scores.size()].*kind).f1;
      means.push_back(sum / total);
    }
    report.*interval = MiddleOf(std::move(means));
  }
  return report;
}

}  // namespace strata::models
