#include "models/document/markdown_guard.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Steps of 1 to 3 ns, measured: half a second for any document and 0.1 µs for each byte.
constexpr int64_t kFreeSteps = 400'000'000;
constexpr int64_t kStepsPerByte = 50;

// Quotes and lists that this line may open: '>' and bullets or numbers at its start. A level of
// nesting carried over from earlier lines takes two columns at least.
int64_t NestingOf(std::string_view line) {
  constexpr std::string_view kMarkers = "> \t*+-0123456789.)";
  const size_t prefix = std::min(line.find_first_not_of(kMarkers), line.size());
  const std::string_view start = line.substr(0, prefix);
  const size_t last_marker = start.find_last_of(">*+-.)");
  if (last_marker == std::string_view::npos) return 0;
  const auto quotes = std::count(start.begin(), start.end(), '>');
  return quotes + static_cast<int64_t>(last_marker + 1) / 2;
}

}  // namespace

absl::Status CheckMarkdownCost(std::string_view text) {
  const int64_t budget = kFreeSteps + kStepsPerByte * static_cast<int64_t>(text.size());
  int64_t deepest = 0;  // every blank line visits every open list
  int64_t num_lines = 0;
  int64_t block_lines = 0;  // every link of a block visits the block's lines
  int64_t block_links = 0;
  int64_t link_steps = 0;
  const auto end_block = [&] {
    link_steps += block_lines * block_links;
    block_lines = block_links = 0;
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++num_lines;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      end_block();
      continue;
    }
    deepest = std::max(deepest, NestingOf(line));
    ++block_lines;
    block_links += std::count(line.begin(), line.end(), '[');
    if (block_lines * block_links > budget) break;
  }
  end_block();
  if (link_steps > budget) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "Markdown: blocks with too many lines and links (", link_steps, " steps, at most ", budget,
        "); part the long paragraphs or tables by blank lines, or give the text as plain text"));
  }
  if (deepest * num_lines > budget) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Markdown: quotes and lists nested ", deepest, " deep over ", num_lines,
                     " lines cost too much; nest less, or give the text as plain text"));
  }
  return absl::OkStatus();
}

}  // namespace strata::models
