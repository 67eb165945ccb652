// How much memory this process could still take without pushing others out.
#ifndef STRATA_SERVICES_RUNTIME_AVAILABLE_MEMORY_H_
#define STRATA_SERVICES_RUNTIME_AVAILABLE_MEMORY_H_

#include <cstdint>

namespace strata::runtime {

// Bytes: the machine's (MemAvailable) or what the cgroup leaves, whichever is less; caches that the
// kernel would drop count as free. INT64_MAX where neither can be read.
int64_t AvailableMemoryBytes();

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_AVAILABLE_MEMORY_H_
