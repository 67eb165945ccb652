// Reads a table of sorted keys in LevelDB's file format, as TensorFlow's .index files use it.
//
// Format (google/leveldb, doc/table_format.md): data blocks, a meta index, an index block and a
// footer of 48 bytes; each block is followed by its compression (none or Snappy) and a masked
// CRC-32C.
#ifndef STRATA_MODELS_CHECKPOINT_SORTED_TABLE_H_
#define STRATA_MODELS_CHECKPOINT_SORTED_TABLE_H_

#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

namespace strata::models {

// Calls `entry` with each key and value in rising order of keys; the views last for the call. Ends
// at its first error. INVALID_ARGUMENT says what is wrong: no table, a block outside the file, a
// checksum, an entry that is cut off, keys that do not rise. Memory is a small multiple of the
// largest block.
absl::Status ReadSortedTable(
    absl::Span<const std::byte> file,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> entry);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_SORTED_TABLE_H_
