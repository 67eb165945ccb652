#include "services/grpc/kserve_request.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/map.h"
#include "models/document/document_reader.h"
#include "services/grpc/convert.h"
#include "services/grpc/kserve_tensor.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

using inference::InferParameter;
using inference::ModelInferRequest;
using models::Task;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

absl::Status Bad(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", message)),
                             {.reason = "INVALID_FIELD", .field = field});
}

absl::Status NotServed(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::UnimplementedError(absl::StrCat(field, ": ", message)),
                             {.reason = "NOT_SUPPORTED", .field = field});
}

absl::StatusOr<int64_t> WholeNumber(const InferParameter& parameter, const std::string& field) {
  if (parameter.parameter_choice_case() == InferParameter::kInt64Param &&
      parameter.int64_param() >= 0) {
    return parameter.int64_param();
  }
  if (parameter.parameter_choice_case() == InferParameter::kUint64Param &&
      parameter.uint64_param() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return static_cast<int64_t>(parameter.uint64_param());
  }
  return Bad(field, "must be a whole number of 0 or more");
}

absl::StatusOr<bool> TruthValue(const InferParameter& parameter, const std::string& field) {
  if (parameter.parameter_choice_case() == InferParameter::kBoolParam) {
    return parameter.bool_param();
  }
  return Bad(field, "must be true or false");
}

absl::StatusOr<std::string> Text(const InferParameter& parameter, const std::string& field) {
  if (parameter.parameter_choice_case() == InferParameter::kStringParam) {
    return parameter.string_param();
  }
  return Bad(field, "must be a text");
}

// Options of a request that are not in runtime::Request.
struct Options {
  int32_t top_k = 0;
  bool normalize = false;
  std::optional<bool> raw;
};

absl::Status SetFormat(const InferParameter& parameter, const std::string& field,
                       runtime::Request& request) {
  absl::StatusOr<std::string> name = Text(parameter, field);
  if (!name.ok()) return name.status();
  absl::StatusOr<models::DocumentFormat> format = models::ParseDocumentFormat(*name);
  if (!format.ok()) return Bad(field, std::string(format.status().message()));
  request.format = *format;
  return absl::OkStatus();
}

absl::Status SetFileName(const InferParameter& parameter, const std::string& field,
                         runtime::Request& request) {
  absl::StatusOr<std::string> name = Text(parameter, field);
  if (!name.ok()) return name.status();
  request.file_name = *std::move(name);
  return CheckLength(field, request.file_name, kMaxNameBytes);
}

absl::Status SetTruncation(const InferParameter& parameter, const std::string& field,
                           runtime::Request& request) {
  absl::StatusOr<std::string> name = Text(parameter, field);
  if (!name.ok()) return name.status();
  if (*name == "reject") {
    request.prepare.truncation = models::Truncation::kReject;
  } else if (*name == "keep_head") {
    request.prepare.truncation = models::Truncation::kKeepHead;
  } else {
    return Bad(field, absl::StrCat("'", *name, "' is neither 'reject' nor 'keep_head'"));
  }
  return absl::OkStatus();
}

bool IsShared(const std::string& name) { return name.rfind("shared_memory_", 0) == 0; }

// Parameters that other servers know and that change nothing here.
bool IsIgnored(const std::string& name) {
  return name == "priority" || name == "headers" || name.rfind("sequence_", 0) == 0 ||
         name.rfind("triton_", 0) == 0;
}

absl::Status ReadParameter(const std::string& name, const InferParameter& parameter,
                           runtime::Request& request, Options& options) {
  const std::string field = absl::StrCat("parameters[", name, "]");
  if (name == "format") return SetFormat(parameter, field, request);
  if (name == "file_name") return SetFileName(parameter, field, request);
  if (name == "truncation") return SetTruncation(parameter, field, request);
  if (name == "normalize" || name == "binary_data_output") {
    absl::StatusOr<bool> value = TruthValue(parameter, field);
    if (!value.ok()) return value.status();
    if (name == "normalize") {
      options.normalize = *value;
    } else {
      options.raw = *value;
    }
    return absl::OkStatus();
  }
  if (name == "top_k" || name == "max_tokens" || name == "timeout") {
    absl::StatusOr<int64_t> value = WholeNumber(parameter, field);
    if (!value.ok()) return value.status();
    if (name == "max_tokens") request.prepare.max_tokens = *value;
    if (name == "timeout" && *value > 0) {
      request.deadline =
          std::min(request.deadline, telemetry::SteadyNow() + absl::Microseconds(*value));
    }
    if (name == "top_k") {
      options.top_k =
          static_cast<int32_t>(std::min<int64_t>(*value, std::numeric_limits<int32_t>::max()));
    }
    return absl::OkStatus();
  }
  if (IsIgnored(name)) return absl::OkStatus();
  return Bad(field,
             "is unknown; known: format, file_name, truncation, max_tokens, top_k, normalize, "
             "timeout, binary_data_output");
}

absl::Status ReadInput(const ModelInferRequest& message, InferPlan& plan) {
  if (absl::Status status = CheckInputs(message); !status.ok()) return status;
  if (message.inputs_size() == 0) {
    return Bad("inputs", absl::StrCat("'", std::string(kDocumentTensor), "' is missing"));
  }
  for (int i = 0; i < message.inputs_size(); ++i) {
    if (message.inputs(i).name() != kDocumentTensor) {
      return Bad(absl::StrCat("inputs[", i, "].name"),
                 absl::StrCat("'", message.inputs(i).name(),
                              "' is not an input of this model; it "
                              "takes '",
                              std::string(kDocumentTensor), "'"));
    }
  }
  const auto& input = message.inputs(0);
  for (const auto& [name, parameter] : input.parameters()) {
    const std::string field = absl::StrCat("inputs[0].parameters[", name, "]");
    absl::Status status;
    if (name == "format") {
      status = SetFormat(parameter, field, plan.common);
    } else if (name == "file_name") {
      status = SetFileName(parameter, field, plan.common);
    } else if (IsShared(name)) {
      status = NotServed(field, "shared memory is not served; send the contents");
    } else {
      status = Bad(field, "is unknown; known: format, file_name");
    }
    if (!status.ok()) return status;
  }
  if (input.datatype() != "BYTES") {
    return Bad("inputs[0].datatype",
               absl::StrCat("is ", input.datatype(), "; documents are BYTES"));
  }
  const bool column = input.shape_size() == 2 && input.shape(1) == 1;
  if ((input.shape_size() != 1 && !column) || input.shape(0) == 0) {
    return Bad("inputs[0].shape", "must be [n] or [n, 1] for n documents, n over 0");
  }
  if (input.shape(0) > kMaxInferDocuments) {
    return runtime::WithDetail(absl::ResourceExhaustedError(absl::StrCat(
                                   "the request has ", input.shape(0), " documents; at most ",
                                   kMaxInferDocuments, " go into one")),
                               {.reason = "TOO_MANY_DOCUMENTS", .field = "inputs[0].shape"});
  }
  plan.documents = BytesElements(message, 0);
  return absl::OkStatus();
}

absl::Status ReadOutputs(const ModelInferRequest& message, InferPlan& plan) {
  std::vector<OutputTensor> known = OutputsOf(plan.model->engine->info());
  if (known.empty()) {
    return NotServed("model_name", absl::StrCat("model '", plan.model->name,
                                                "' has no tensors; ask it by strata.v1"));
  }
  if (message.outputs_size() == 0) {
    plan.outputs = std::move(known);
    return absl::OkStatus();
  }
  for (int i = 0; i < message.outputs_size(); ++i) {
    const auto& wanted = message.outputs(i);
    const std::string field = absl::StrCat("outputs[", i, "]");
    const auto same = [&](const OutputTensor& tensor) { return tensor.name == wanted.name(); };
    const auto found = std::find_if(known.begin(), known.end(), same);
    if (found == known.end()) {
      const std::string names =
          absl::StrJoin(known, ", ", [](std::string* out, const auto& tensor) {
            absl::StrAppend(out, std::string(tensor.name));
          });
      return Bad(
          absl::StrCat(field, ".name"),
          absl::StrCat("'", wanted.name(), "' is not an output of this model; it has ", names));
    }
    if (std::any_of(plan.outputs.begin(), plan.outputs.end(), same)) {
      return Bad(absl::StrCat(field, ".name"),
                 absl::StrCat("'", wanted.name(), "' is asked for twice"));
    }
    for (const auto& [name, parameter] : wanted.parameters()) {
      const std::string path = absl::StrCat(field, ".parameters[", name, "]");
      if (IsShared(name)) return NotServed(path, "shared memory is not served");
      if (name == "classification") {
        return NotServed(path, "ask for 'label' and 'probability' with parameter top_k");
      }
      if (name != "binary_data") return Bad(path, "is unknown");
    }
    plan.error_by_document = plan.error_by_document || found->output == Output::kError;
    plan.outputs.push_back(*found);
  }
  return absl::OkStatus();
}

void ChooseTasks(const Options& options, InferPlan& plan) {
  const models::ModelInfo& info = plan.model->engine->info();
  const auto wants = [&](Output output) {
    return std::any_of(plan.outputs.begin(), plan.outputs.end(),
                       [output](const OutputTensor& tensor) { return tensor.output == output; });
  };
  models::TaskRequest classify, embed;
  classify.task = Task::kClassify;
  classify.top_k = options.top_k;
  embed.task = Task::kEmbed;
  embed.levels = {models::EmbeddingLevel::kDocument};
  embed.normalize = options.normalize;
  if (wants(Output::kLabel) || wants(Output::kProbability)) plan.tasks.push_back(classify);
  if (wants(Output::kEmbedding)) plan.tasks.push_back(embed);
  if (plan.tasks.empty()) {  // token counts and errors come with any
    plan.tasks.push_back(HasTask(info, Task::kClassify) ? classify : embed);
  }
}

}  // namespace

absl::StatusOr<InferPlan> MakeInferPlan(const runtime::Runtime& runtime,
                                        const ModelInferRequest& message,
                                        const InferCaller& caller) {
  InferPlan plan;
  auto model = runtime.models().Find(ModelReference(message.model_name(), message.model_version()));
  if (!model.ok()) return runtime::WithDetail(model.status(), {.field = "model_name"});
  plan.model = *std::move(model);
  if (absl::Status status = CheckLength("id", message.id(), kMaxIdBytes); !status.ok()) {
    return status;
  }
  plan.common.id = message.id();
  plan.common.model = plan.model->name;
  plan.common.served = plan.model;
  plan.common.deadline = caller.deadline;
  plan.common.traceparent = caller.traceparent;
  Options options;
  for (const auto& [name, parameter] : message.parameters()) {
    const absl::Status status = ReadParameter(name, parameter, plan.common, options);
    if (!status.ok()) return status;
  }
  if (absl::Status status = ReadOutputs(message, plan); !status.ok()) return status;
  if (absl::Status status = ReadInput(message, plan); !status.ok()) return status;
  plan.raw = options.raw.value_or(message.raw_input_contents_size() > 0);
  ChooseTasks(options, plan);
  return plan;
}

}  // namespace strata::service
