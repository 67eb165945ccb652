#include "strata/export.h"

namespace strata {

const char* Version() { return STRATA_VERSION; }

}  // namespace strata
