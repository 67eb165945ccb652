// The rules of KServe v2 on tensors.
#include "services/grpc/kserve_tensor.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using inference::ModelInferRequest;
using ::testing::ElementsAre;

ModelInferRequest::InferInputTensor* AddInput(ModelInferRequest& request, const std::string& type,
                                              const std::vector<int64_t>& shape) {
  auto* input = request.add_inputs();
  input->set_name(absl::StrCat("in", request.inputs_size()));
  input->set_datatype(type);
  for (const int64_t size : shape) input->add_shape(size);
  return input;
}

// The field of the error; "" where there is none.
std::string Fault(const ModelInferRequest& request) {
  const absl::Status status = CheckInputs(request);
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(runtime::DetailOf(status).reason, "INVALID_TENSOR");
  return runtime::DetailOf(status).field;
}

std::string RawFault(const std::string& type, const std::vector<int64_t>& shape, std::string raw) {
  ModelInferRequest request;
  AddInput(request, type, shape);
  request.add_raw_input_contents(std::move(raw));
  return Fault(request);
}

std::string Element(const std::string& bytes) {
  return std::string({static_cast<char>(bytes.size()), 0, 0, 0}) + bytes;
}

TEST(KserveTensorTest, RawSizesMustFit) {
  const std::pair<const char*, size_t> sizes[] = {
      {"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
      {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
      {"BF16", 2}, {"FP32", 4},  {"FP64", 8}};
  for (const auto& [type, size] : sizes) {
    EXPECT_EQ(RawFault(type, {2, 3}, std::string(6 * size, 'x')), "") << type;
    EXPECT_EQ(RawFault(type, {}, std::string(size, 'x')), "") << type;  // a scalar
    EXPECT_EQ(RawFault(type, {0, 3}, ""), "") << type;
    EXPECT_EQ(RawFault(type, {2, 3}, std::string(6 * size - 1, 'x')), "raw_input_contents[0]");
    EXPECT_EQ(RawFault(type, {2, 3}, std::string(6 * size + 1, 'x')), "raw_input_contents[0]");
    EXPECT_EQ(RawFault(type, {2, 3}, ""), "raw_input_contents[0]");
  }
  EXPECT_EQ(RawFault("FP8", {1}, "x"), "inputs[0].datatype");
  EXPECT_EQ(RawFault("", {1}, "x"), "inputs[0].datatype");
  EXPECT_EQ(RawFault("fp32", {1}, "xxxx"), "inputs[0].datatype");
}

TEST(KserveTensorTest, ShapesMustMakeSense) {
  EXPECT_EQ(RawFault("INT8", {-1}, "x"), "inputs[0].shape[0]");
  EXPECT_EQ(RawFault("INT8", {0, -5}, ""), "inputs[0].shape[1]");
  EXPECT_EQ(RawFault("INT8", std::vector<int64_t>(9, 1), "x"), "inputs[0].shape");
  EXPECT_EQ(RawFault("INT8", std::vector<int64_t>(8, 1), "x"), "");
  // The product would overflow, or come out small or 0 where it wraps.
  EXPECT_EQ(RawFault("INT8", {int64_t{1} << 32, int64_t{1} << 32}, ""), "inputs[0].shape");
  EXPECT_EQ(RawFault("INT8", {(int64_t{1} << 62) + 1, 4}, "xxxx"), "inputs[0].shape");
  EXPECT_EQ(RawFault("FP64", {int64_t{1} << 61}, ""), "inputs[0].shape");
  EXPECT_EQ(RawFault("BYTES", {INT64_MAX}, ""), "inputs[0].shape");
}

TEST(KserveTensorTest, BytesElementsMustFillTheirTensor) {
  const std::string three = Element("one") + Element("") + Element("three");
  EXPECT_EQ(RawFault("BYTES", {3}, three), "");
  EXPECT_EQ(RawFault("BYTES", {2}, three), "raw_input_contents[0]");
  EXPECT_EQ(RawFault("BYTES", {4}, three), "raw_input_contents[0]");
  EXPECT_EQ(RawFault("BYTES", {0}, three), "raw_input_contents[0]");
  for (size_t cut = 1; cut <= three.size(); ++cut) {
    EXPECT_EQ(RawFault("BYTES", {3}, three.substr(0, three.size() - cut)), "raw_input_contents[0]");
  }
  // A length far beyond what is there, up to the largest.
  for (const char high : {'\x01', '\x7f', '\xff'}) {
    EXPECT_EQ(RawFault("BYTES", {1}, std::string("\x01\0\0", 3) + high + "x"),
              "raw_input_contents[0]");
  }
  ModelInferRequest request;
  AddInput(request, "BYTES", {3});
  request.add_raw_input_contents(three);
  EXPECT_THAT(BytesElements(request, 0), ElementsAre("one", "", "three"));
}

TEST(KserveTensorTest, RawAndTypedDoNotMix) {
  ModelInferRequest request;
  auto* first = AddInput(request, "BYTES", {1});
  AddInput(request, "INT8", {1});
  request.add_raw_input_contents(Element("x"));
  EXPECT_EQ(Fault(request), "raw_input_contents");  // one entry for two inputs
  request.add_raw_input_contents("y");
  EXPECT_EQ(Fault(request), "");
  first->mutable_contents();  // there, but empty
  EXPECT_EQ(Fault(request), "");
  first->mutable_contents()->add_bytes_contents("x");
  EXPECT_EQ(Fault(request), "inputs[0].contents");
  request.clear_inputs();
  EXPECT_EQ(Fault(request), "raw_input_contents");
}

TEST(KserveTensorTest, TypedContentsMustBeInTheirField) {
  const auto fault = [](const std::string& type, auto fill) {
    ModelInferRequest request;
    fill(*AddInput(request, type, {2})->mutable_contents());
    return Fault(request);
  };
  using Contents = inference::InferTensorContents;
  const auto ints = [](int32_t a, int32_t b) {
    return [a, b](Contents& c) {
      c.add_int_contents(a);
      c.add_int_contents(b);
    };
  };
  const auto uints = [](uint32_t a, uint32_t b) {
    return [a, b](Contents& c) {
      c.add_uint_contents(a);
      c.add_uint_contents(b);
    };
  };
  EXPECT_EQ(fault("INT8", ints(-128, 127)), "");
  EXPECT_EQ(fault("INT8", ints(0, 128)), "inputs[0].contents.int_contents[1]");
  EXPECT_EQ(fault("INT8", ints(-129, 0)), "inputs[0].contents.int_contents[0]");
  EXPECT_EQ(fault("INT16", ints(-32768, 32767)), "");
  EXPECT_EQ(fault("INT16", ints(0, 32768)), "inputs[0].contents.int_contents[1]");
  EXPECT_EQ(fault("INT32", ints(INT32_MIN, INT32_MAX)), "");
  EXPECT_EQ(fault("UINT8", uints(0, 255)), "");
  EXPECT_EQ(fault("UINT8", uints(0, 256)), "inputs[0].contents.uint_contents[1]");
  EXPECT_EQ(fault("UINT16", uints(65536, 0)), "inputs[0].contents.uint_contents[0]");
  EXPECT_EQ(fault("UINT32", uints(0, UINT32_MAX)), "");
  EXPECT_EQ(fault("INT32", uints(1, 2)), "inputs[0].contents.int_contents");
  EXPECT_EQ(fault("INT64", ints(1, 2)), "inputs[0].contents.int_contents");
  EXPECT_EQ(fault("FP16", [](Contents&) {}), "inputs[0].contents");
  EXPECT_EQ(fault("BF16", [](Contents& c) { c.add_fp32_contents(1); }), "inputs[0].contents");
  EXPECT_EQ(fault("BYTES", [](Contents& c) { c.add_bytes_contents("a"); }),
            "inputs[0].contents.bytes_contents");
  EXPECT_EQ(fault("FP32",
                  [](Contents& c) {
                    for (int i = 0; i < 3; ++i) c.add_fp32_contents(1);
                  }),
            "inputs[0].contents.fp32_contents");
  EXPECT_EQ(fault("BYTES",
                  [](Contents& c) {
                    c.add_bytes_contents("a");
                    c.add_bytes_contents("b");
                    c.add_bool_contents(true);
                  }),
            "inputs[0].contents.bool_contents");

  ModelInferRequest twice;
  AddInput(twice, "BYTES", {0});
  AddInput(twice, "BYTES", {0})->set_name("in1");
  EXPECT_EQ(Fault(twice), "inputs[1].name");
}

TEST(KserveTensorTest, OutputsRawAndTyped) {
  inference::ModelInferResponse raw, typed;
  const std::vector<std::string> words = {"a", "", "ccc"};
  const std::vector<float> floats = {1.5f, -2};
  const std::vector<int64_t> numbers = {7};
  for (auto* response : {&raw, &typed}) {
    AddBytesOutput("b", {3}, words, response == &raw, response);
    AddFloatOutput("f", {1, 2}, floats, response == &raw, response);
    AddInt64Output("i", {1}, numbers, response == &raw, response);
  }
  ASSERT_EQ(raw.raw_output_contents_size(), 3);
  EXPECT_EQ(raw.raw_output_contents(0), Element("a") + Element("") + Element("ccc"));
  EXPECT_EQ(raw.raw_output_contents(1), std::string("\0\0\xc0\x3f\0\0\0\xc0", 8));
  EXPECT_EQ(raw.raw_output_contents(2), std::string("\x07\0\0\0\0\0\0\0", 8));
  EXPECT_FALSE(raw.outputs(0).has_contents());
  EXPECT_EQ(typed.raw_output_contents_size(), 0);
  EXPECT_THAT(typed.outputs(0).contents().bytes_contents(), ElementsAre("a", "", "ccc"));
  EXPECT_THAT(typed.outputs(1).contents().fp32_contents(), ElementsAre(1.5f, -2));
  EXPECT_THAT(typed.outputs(2).contents().int64_contents(), ElementsAre(7));
  EXPECT_EQ(typed.outputs(1).datatype(), "FP32");
  EXPECT_THAT(typed.outputs(1).shape(), ElementsAre(1, 2));
}

}  // namespace
}  // namespace strata::service
