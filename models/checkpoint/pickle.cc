#include "models/checkpoint/pickle.h"

#include <cstring>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::models {
namespace {

using Kind = PickleValue::Kind;

// A checkpoint needs some ten values a tensor; more than this is no checkpoint.
constexpr size_t kMaxValues = size_t{1} << 21;

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersistentId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kEmptyList = ']',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kDict = 'd',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProtocol = 0x80,
  kNewObject = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

const char* KindName(Kind kind) {
  constexpr const char* kNames[] = {"None",     "a bool",          "a number", "a float",
                                    "a string", "a tuple",         "a list",   "a dict",
                                    "a class",  "a persistent id", "a call"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace

// The stack machine of the pickle format. Every step either moves values that exist or makes one.
class PickleMachine {
 public:
  PickleMachine(absl::Span<const std::byte> bytes,
                absl::FunctionRef<bool(const std::string&)> is_allowed)
      : bytes_(bytes), is_allowed_(is_allowed) {
    none_ = Make(Kind::kNone);
    true_ = Make(Kind::kBool);
    true_->integer = 1;
    false_ = Make(Kind::kBool);
  }

  absl::StatusOr<Pickle> Run() {
    bool stopped = false;
    while (status_.ok() && !stopped) {
      opcode_at_ = at_;
      const uint8_t opcode = Byte();
      if (status_.ok()) stopped = Step(opcode);
      if (pickle_.values_.size() > kMaxValues) Fail("more values than any checkpoint needs");
    }
    if (!status_.ok()) return status_;
    return std::move(pickle_);
  }

 private:
  // True after STOP.
  bool Step(uint8_t opcode) {
    switch (opcode) {
      case kProtocol:
        if (const uint8_t version = Byte(); version < 2 || version > 5) {
          Fail(absl::StrCat("protocol ", int{version}, "; 2 to 5 are read"));
        }
        return false;
      case kFrame:
        Take(8);
        return false;
      case kStop: {
        const PickleValue* result = Pop();
        if (status_.ok() && !marks_.empty()) Fail("a mark is left over");
        pickle_.root_ = result;
        return true;
      }
      case kMark:
        marks_.push_back(stack_.size());
        return false;
      case kPop:
        Pop();
        return false;
      case kPopMark:
        PopToMark();
        return false;
      case kDup:
        Push(Top());
        return false;
      case kNone:
        Push(none_);
        return false;
      case kNewTrue:
        Push(true_);
        return false;
      case kNewFalse:
        Push(false_);
        return false;
      case kBinInt1:
        PushInt(Byte());
        return false;
      case kBinInt2:
        PushInt(static_cast<int64_t>(Little(2)));
        return false;
      case kBinInt:
        PushInt(static_cast<int32_t>(static_cast<uint32_t>(Little(4))));
        return false;
      case kLong1:
        PushLong(Byte());
        return false;
      case kBinFloat:
        PushFloat();
        return false;
      case kBinString:
      case kBinUnicode:
      case kBinBytes:
        PushText(Little(4));
        return false;
      case kShortBinString:
      case kShortBinUnicode:
      case kShortBinBytes:
        PushText(Byte());
        return false;
      case kBinUnicode8:
      case kBinBytes8:
        PushText(Little(8));
        return false;
      case kBinPut:
        memo_[Byte()] = Top();
        return false;
      case kLongBinPut:
        memo_[Little(4)] = Top();
        return false;
      case kMemoize:
        memo_[memo_.size()] = Top();
        return false;
      case kBinGet:
        Get(Byte());
        return false;
      case kLongBinGet:
        Get(Little(4));
        return false;
      case kGlobal: {
        const std::string module = Line();
        const std::string name = Line();
        PushGlobal(module, name);
        return false;
      }
      case kStackGlobal: {
        const PickleValue* name = Pop();
        const PickleValue* module = Pop();
        if (Expect(module, Kind::kText) && Expect(name, Kind::kText)) {
          PushGlobal(module->text, name->text);
        }
        return false;
      }
      case kBinPersistentId: {
        PickleValue* value = Make(Kind::kPersistent);
        value->items = {Pop()};
        Push(value);
        return false;
      }
      default:
        StepContainer(opcode);
        return false;
    }
  }

  void StepContainer(uint8_t opcode) {
    switch (opcode) {
      case kEmptyTuple:
        return PushItems(Kind::kTuple, {});
      case kEmptyList:
        return PushItems(Kind::kList, {});
      case kEmptyDict:
        return PushItems(Kind::kDict, {});
      case kTuple1:
        return PushItems(Kind::kTuple, PopMany(1));
      case kTuple2:
        return PushItems(Kind::kTuple, PopMany(2));
      case kTuple3:
        return PushItems(Kind::kTuple, PopMany(3));
      case kTuple:
        return PushItems(Kind::kTuple, PopToMark());
      case kList:
        return PushItems(Kind::kList, PopToMark());
      case kDict:
        return PushItems(Kind::kDict, PopToMark());
      case kAppend:
        return Extend(Kind::kList, PopMany(1));
      case kAppends:
        return Extend(Kind::kList, PopToMark());
      case kSetItem:
        return Extend(Kind::kDict, PopMany(2));
      case kSetItems:
        return Extend(Kind::kDict, PopToMark());
      case kReduce:
      case kNewObject:
        return Call();
      case kBuild: {
        // Attributes of an OrderedDict (a state_dict's _metadata) are no tensors.
        Pop();
        Expect(Top(), Kind::kDict);
        return;
      }
      default:
        Fail(absl::StrFormat("opcode 0x%02x, which no tensor needs", opcode));
    }
  }

  void Call() {
    const PickleValue* arguments = Pop();
    const PickleValue* callee = Pop();
    if (!Expect(callee, Kind::kGlobal) || !Expect(arguments, Kind::kTuple)) return;
    if (callee->text == "collections.OrderedDict") {
      if (!arguments->items.empty()) return Fail("an OrderedDict with arguments");
      return PushItems(Kind::kDict, {});
    }
    PushItems(Kind::kCall, {callee, arguments});
  }

  void PushGlobal(const std::string& module, const std::string& name) {
    if (!status_.ok()) return;
    const std::string full = absl::StrCat(module, ".", name);
    if (!is_allowed_(full)) {
      return Fail(absl::StrCat("it asks for '", full,
                               "', which is neither a tensor nor its storage; ",
                               "nothing in a checkpoint is executed"));
    }
    PickleValue* value = Make(Kind::kGlobal);
    value->text = full;
    Push(value);
  }

  void PushInt(int64_t number) {
    PickleValue* value = Make(Kind::kInt);
    value->integer = number;
    Push(value);
  }

  // Two's complement, little endian, of any length; none of a tensor's numbers is over 8 bytes.
  void PushLong(size_t size) {
    if (size > 8) return Fail("a number of more than 64 bits");
    uint64_t bits = Little(size);
    if (size > 0 && size < 8 && (bits >> (8 * size - 1)) != 0) bits |= ~uint64_t{0} << (8 * size);
    PushInt(static_cast<int64_t>(bits));
  }

  void PushFloat() {
    const absl::Span<const std::byte> raw = Take(8);
    uint64_t bits = 0;
    for (const std::byte byte : raw) bits = bits << 8 | static_cast<uint64_t>(byte);
    PickleValue* value = Make(Kind::kFloat);
    std::memcpy(&value->number, &bits, sizeof bits);
    Push(value);
  }

  void PushText(uint64_t size) {
    const absl::Span<const std::byte> raw = Take(size);
    PickleValue* value = Make(Kind::kText);
    value->text.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
    Push(value);
  }

  void PushItems(Kind kind, std::vector<const PickleValue*> items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) return Fail("a dict key without a value");
    PickleValue* value = Make(kind);
    value->items = std::move(items);
    Push(value);
  }

  // Appends to the list or dict on top of the stack.
  void Extend(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue* target = Top();
    if (!Expect(target, kind)) return;
    if (kind == Kind::kDict && items.size() % 2 != 0) return Fail("a dict key without a value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void Get(uint64_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) return Fail(absl::StrCat("memo slot ", slot, " is empty"));
    Push(found->second);
  }

  bool Expect(const PickleValue* value, Kind kind) {
    if (status_.ok() && !value->Is(kind)) {
      Fail(absl::StrCat(KindName(value->kind), " stands where ", KindName(kind), " is needed"));
    }
    return status_.ok();
  }

  PickleValue* Make(Kind kind) {
    PickleValue& value = pickle_.values_.emplace_back();
    value.kind = kind;
    return &value;
  }

  void Push(PickleValue* value) { stack_.push_back(value); }

  // Values below the innermost mark are out of reach, as in Python.
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue* Top() {
    if (stack_.size() > Floor()) return stack_.back();
    Fail("the stack is empty");
    return none_;
  }

  PickleValue* Pop() {
    PickleValue* value = Top();
    if (status_.ok()) stack_.pop_back();
    return value;
  }

  std::vector<const PickleValue*> PopMany(size_t count) {
    if (stack_.size() < Floor() + count) {
      Fail("the stack is empty");
      return {};
    }
    std::vector<const PickleValue*> items(stack_.end() - static_cast<ptrdiff_t>(count),
                                          stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<const PickleValue*> PopToMark() {
    if (marks_.empty()) {
      Fail("no mark is set");
      return {};
    }
    std::vector<const PickleValue*> items = PopMany(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  absl::Span<const std::byte> Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      Fail(absl::StrCat("it is cut off: ", size, " more bytes are needed, ", bytes_.size() - at_,
                        " are left"));
      return {};
    }
    const absl::Span<const std::byte> taken = bytes_.subspan(at_, size);
    at_ += size;
    return taken;
  }

  uint64_t Little(size_t size) {
    uint64_t value = 0;
    const absl::Span<const std::byte> raw = Take(size);
    for (size_t i = raw.size(); i-- > 0;) value = value << 8 | static_cast<uint64_t>(raw[i]);
    return value;
  }

  uint8_t Byte() { return static_cast<uint8_t>(Little(1)); }

  std::string Line() {
    std::string line;
    while (status_.ok()) {
      const char next = static_cast<char>(Byte());
      if (next == '\n') break;
      line.push_back(next);
    }
    return line;
  }

  void Fail(absl::string_view what) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat("pickle, byte ", opcode_at_, ": ", what));
  }

  absl::Span<const std::byte> bytes_;
  absl::FunctionRef<bool(const std::string&)> is_allowed_;
  size_t at_ = 0, opcode_at_ = 0;
  absl::Status status_;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, PickleValue*> memo_;
  PickleValue *none_, *true_, *false_;
};

absl::StatusOr<Pickle> Pickle::Parse(absl::Span<const std::byte> bytes,
                                     absl::FunctionRef<bool(const std::string&)> is_allowed) {
  return PickleMachine(bytes, is_allowed).Run();
}

}  // namespace strata::models
