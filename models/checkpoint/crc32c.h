// CRC-32C (Castagnoli), and the masked form that LevelDB's tables and TensorFlow's bundles store.
#ifndef STRATA_MODELS_CHECKPOINT_CRC32C_H_
#define STRATA_MODELS_CHECKPOINT_CRC32C_H_

#include <cstddef>
#include <cstdint>

namespace strata::models {

// Of `size` bytes; `crc` is that of the bytes before them. About a byte a clock.
uint32_t Crc32c(const std::byte* data, size_t size, uint32_t crc = 0);

// A checksum of bytes that hold checksums is weak, so stored ones are rotated and shifted.
inline uint32_t MaskCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_CRC32C_H_
