// GPT-2's printable stand-ins for the 256 bytes.
//
// Source: bytes_to_unicode in encoder.py of openai/gpt-2.
#ifndef STRATA_MODELS_TOKENIZER_BYTE_LEVEL_H_
#define STRATA_MODELS_TOKENIZER_BYTE_LEVEL_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "models/tokenizer/aligned_text.h"

namespace strata::models {

// The character that stands for each byte.
const std::array<char32_t, 256>& ByteCharacters();

// Rewrites text[begin, end) byte by byte into `out`.
void AppendByteCharacters(const AlignedText& in, size_t begin, size_t end, AlignedText& out);

// The bytes that `text` stands for; none if a character of it stands for no byte.
std::optional<std::string> BytesOf(std::string_view text);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_BYTE_LEVEL_H_
