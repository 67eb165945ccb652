#include "models/tokenizer/byte_level.h"

namespace strata::models {

const std::array<char32_t, 256>& ByteCharacters() {
  static const std::array<char32_t, 256> characters = [] {
    std::array<char32_t, 256> table;
    char32_t next = 256;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      table[byte] = printable ? byte : next++;
    }
    return table;
  }();
  return characters;
}

void AppendByteCharacters(const AlignedText& in, size_t begin, size_t end, AlignedText& out) {
  const std::array<char32_t, 256>& characters = ByteCharacters();
  for (size_t i = begin; i < end; ++i) {
    out.Put(characters[static_cast<unsigned char>(in.text[i])], in.spans[i]);
  }
}

std::optional<std::string> BytesOf(std::string_view text) {
  static const std::array<int, 512> bytes = [] {
    std::array<int, 512> table;
    table.fill(-1);
    for (int byte = 0; byte < 256; ++byte) {
      table[ByteCharacters()[static_cast<size_t>(byte)]] = byte;
    }
    return table;
  }();
  std::string result;
  for (size_t i = 0; i < text.size();) {
    int length;
    const char32_t c = DecodeUtf8(text.data() + i, length);
    if (c >= bytes.size() || bytes[c] < 0) return std::nullopt;
    result += static_cast<char>(bytes[c]);
    i += static_cast<size_t>(length);
  }
  return result;
}

}  // namespace strata::models
