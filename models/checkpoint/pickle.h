// Reads a Python pickle as data. Nothing is imported, looked up or called: a class becomes its
// name, a call becomes a node that holds the name and the arguments, and only names that the caller
// allows may occur at all.
//
// Opcodes: those that CPython's pickle writes for containers, strings, numbers, classes, calls and
// persistent ids, protocols 2 to 5 (docs.python.org, pickletools). Any other is refused by name.
#ifndef STRATA_MODELS_CHECKPOINT_PICKLE_H_
#define STRATA_MODELS_CHECKPOINT_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata::models {

struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,        // str and bytes
    kTuple,       // items
    kList,        // items
    kDict,        // items: key, value, key, value, ...; collections.OrderedDict() too
    kGlobal,      // text: "module.name"
    kPersistent,  // items: the id
    kCall,        // items: the kGlobal, the kTuple of arguments
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;  // kBool, kInt
  double number = 0;    // kFloat
  std::string text;
  std::vector<const PickleValue*> items;

  bool Is(Kind wanted) const { return kind == wanted; }
};

// Owns its values: they form a graph (a value may be used often, a list may hold itself), so follow
// items only as deep as is expected. Immutable after Parse.
class Pickle {
 public:
  // `is_allowed` is asked with "module.name" before such a name becomes a value. INVALID_ARGUMENT
  // says at which byte what was wrong: a name that is not allowed, an opcode that is not known, a
  // pickle that is cut off or asks for what is not there.
  static absl::StatusOr<Pickle> Parse(absl::Span<const std::byte> bytes,
                                      absl::FunctionRef<bool(const std::string&)> is_allowed);

  const PickleValue& root() const { return *root_; }

 private:
  friend class PickleMachine;
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_PICKLE_H_
