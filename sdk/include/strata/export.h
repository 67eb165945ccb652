// What the shared libraries let out: everything marked STRATA_API, and nothing else.
#ifndef STRATA_EXPORT_H_
#define STRATA_EXPORT_H_

#define STRATA_API __attribute__((visibility("default")))

namespace strata {

// "MAJOR.MINOR.PATCH" of the library in use; the user agent of every call ends with it.
STRATA_API const char* Version();

}  // namespace strata

#endif  // STRATA_EXPORT_H_
