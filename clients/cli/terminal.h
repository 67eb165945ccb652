// Text for people: bars, shortened texts, numbers with units.
#ifndef STRATA_CLIENTS_CLI_TERMINAL_H_
#define STRATA_CLIENTS_CLI_TERMINAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::cli {

// `share` (0..1) of `width` cells, in eighths of a cell.
std::string Bar(double share, int width);

// On one line: white space and control characters folded to one blank, at most `max_columns`
// characters, cut with "…". Never cuts a character in two.
std::string OneLine(std::string_view text, int max_columns);

// "512 B", "4.2 KB", "1.3 MB" (thousands).
std::string FormatBytes(std::int64_t num_bytes);
// "0:07", "12:03", "1:02:03"; "-" for what is not finite.
std::string FormatSeconds(double seconds);
// 1234567 → "1,234,567".
std::string FormatCount(std::int64_t count);
// (1, "vector") → "1 vector", (2, "vector") → "2 vectors".
std::string Counted(std::int64_t count, std::string_view noun);

// A name or message as it may go to a terminal: control characters, which could move the cursor or
// worse, are written out ("\x1b").
std::string Printable(std::string_view text);
// Prose as it may go to a terminal: each control character, a line break among them, is a blank.
std::string Folded(std::string_view text);
// `text` with line breaks between words, and nowhere else, so that no line has more than `columns`
// bytes, unless one word has.
std::string Wrap(std::string_view text, std::size_t columns);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_TERMINAL_H_
