// KServe v2 over loopback with the null engine.
#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.grpc.pb.h"
#include "services/grpc/kserve_infer.h"
#include "services/grpc/testing/kserve_client.h"
#include "services/grpc/testing/test_server.h"
#include "services/telemetry/json_log.h"

namespace strata::service {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using testing::DetailsOf;
using testing::Infer;
using testing::MakeRequest;
using testing::NewStub;
using Stub = inference::GRPCInferenceService::Stub;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestServer;

// The code of the error and the field that it names.
std::string Fault(Stub& stub, const ModelInferRequest& request) {
  ModelInferResponse response;
  const grpc::Status status = Infer(stub, request, &response);
  if (status.ok()) return "OK";
  const auto details = DetailsOf(status);
  EXPECT_FALSE(details.info.reason().empty());
  return absl::StrCat(absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code())),
                      " ",
                      details.bad_request.field_violations_size() > 0
                          ? details.bad_request.field_violations(0).field()
                          : "");
}

TEST(KserveTest, AnswersWithAllOutputs) {
  TestServer server;
  const auto stub = NewStub(server);
  ModelInferResponse response;
  const grpc::Status status =
      Infer(*stub, MakeRequest({"One two three.", "Four. Five six."}), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.model_name(), "first");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "r1");
  ASSERT_EQ(response.outputs_size(), 5);
  EXPECT_EQ(response.raw_output_contents_size(), 0);
  EXPECT_EQ(response.outputs(0).name(), "label");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 3));
  EXPECT_EQ(response.outputs(0).contents().bytes_contents_size(), 6);
  EXPECT_EQ(response.outputs(1).name(), "probability");
  const auto& probabilities = response.outputs(1).contents().fp32_contents();
  ASSERT_EQ(probabilities.size(), 6);
  EXPECT_GE(probabilities[3], probabilities[4]);
  EXPECT_NEAR(probabilities[3] + probabilities[4] + probabilities[5], 1, 1e-5);
  EXPECT_EQ(response.outputs(2).name(), "embedding");
  EXPECT_THAT(response.outputs(2).shape(), ElementsAre(2, 8));
  EXPECT_EQ(response.outputs(2).contents().fp32_contents_size(), 16);
  EXPECT_THAT(response.outputs(3).contents().int64_contents(), ElementsAre(4, 4));
  EXPECT_THAT(response.outputs(4).contents().bytes_contents(), ElementsAre("", ""));
}

TEST(KserveTest, SameAnswerAsOurOwnService) {
  TestServer server;
  const auto stub = NewStub(server);
  ModelInferResponse response;
  ModelInferRequest request = MakeRequest({"One two three."}, {"probability", "label"});
  (*request.mutable_parameters())["top_k"].set_int64_param(2);
  request.set_model_version("1");
  ASSERT_TRUE(Infer(*stub, request, &response).ok());
  v1::ClassifyRequest own;
  own.mutable_document()->set_content("One two three.");
  own.mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  own.mutable_options()->set_top_k(2);
  v1::ClassifyResponse own_response;
  grpc::ClientContext context;
  ASSERT_TRUE(server.NewStub()->Classify(&context, own, &own_response).ok());
  ASSERT_EQ(response.outputs_size(), 2);  // in the order of the request
  for (int k = 0; k < 2; ++k) {
    EXPECT_EQ(response.outputs(0).contents().fp32_contents(k),
              own_response.result().labels(k).probability());
    EXPECT_EQ(response.outputs(1).contents().bytes_contents(k),
              own_response.result().labels(k).label());
  }
}

TEST(KserveTest, RawContentsGetRawAnswers) {
  TestServer server;
  const auto stub = NewStub(server);
  ModelInferRequest request = MakeRequest({"One two three."}, {"token_count", "embedding"});
  request.mutable_inputs(0)->clear_contents();
  request.mutable_inputs(0)->add_shape(1);  // [1, 1]
  request.add_raw_input_contents(std::string("\x0e\0\0\0", 4) + "One two three.");
  (*request.mutable_parameters())["normalize"].set_bool_param(true);
  ModelInferResponse response;
  const grpc::Status status = Infer(*stub, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.raw_output_contents_size(), 2);
  EXPECT_EQ(response.raw_output_contents(0), std::string("\x04\0\0\0\0\0\0\0", 8));
  ASSERT_EQ(response.raw_output_contents(1).size(), 8 * sizeof(float));
  float values[8], squares = 0;
  std::memcpy(values, response.raw_output_contents(1).data(), sizeof(values));
  for (const float value : values) squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-5);
  (*request.mutable_parameters())["binary_data_output"].set_bool_param(false);
  ASSERT_TRUE(Infer(*stub, request, &response).ok());
  EXPECT_EQ(response.raw_output_contents_size(), 0);
  EXPECT_EQ(response.outputs(1).contents().fp32_contents(0), values[0]);
}

TEST(KserveTest, WrongRequestsAreToldWhatIsWrong) {
  runtime::RuntimeOptions options;
  options.limits.max_document_bytes = 100;
  TestServer server({}, options);
  const auto stub = NewStub(server);
  const ModelInferRequest good = MakeRequest({"text"}, {"label"});
  EXPECT_EQ(Fault(*stub, good), "OK");
  const auto fault = [&](const std::function<void(ModelInferRequest&)>& change) {
    ModelInferRequest request = good;
    change(request);
    return Fault(*stub, request);
  };
  using Request = ModelInferRequest;
  const auto input = [](Request& r) -> Request::InferInputTensor& { return *r.mutable_inputs(0); };
  EXPECT_EQ(fault([](Request& r) { r.set_model_name("none"); }), "NOT_FOUND model_name");
  EXPECT_EQ(fault([](Request& r) { r.set_model_version("2"); }), "NOT_FOUND model_name");
  EXPECT_EQ(fault([](Request& r) { r.set_model_version("stable"); }), "NOT_FOUND model_name");
  EXPECT_EQ(fault([](Request& r) { r.set_id(std::string(257, 'i')); }), "INVALID_ARGUMENT id");
  EXPECT_EQ(fault([](Request& r) {
              (*r.mutable_parameters())["file_name"].set_string_param(std::string(5000, 'x'));
            }),
            "INVALID_ARGUMENT parameters[file_name]");
  EXPECT_EQ(fault([](Request& r) { r.clear_inputs(); }), "INVALID_ARGUMENT inputs");
  EXPECT_EQ(fault([&](Request& r) { input(r).set_name("text"); }),
            "INVALID_ARGUMENT inputs[0].name");
  EXPECT_EQ(fault([&](Request& r) {
              *r.add_inputs() = input(r);
              r.mutable_inputs(1)->set_name("more");
            }),
            "INVALID_ARGUMENT inputs[1].name");
  EXPECT_EQ(fault([&](Request& r) {
              input(r).set_datatype("FP32");
              input(r).clear_contents();
              input(r).mutable_contents()->add_fp32_contents(1);
            }),
            "INVALID_ARGUMENT inputs[0].datatype");
  EXPECT_EQ(fault([&](Request& r) { input(r).set_shape(0, 2); }),
            "INVALID_ARGUMENT inputs[0].contents.bytes_contents");
  EXPECT_EQ(fault([&](Request& r) { input(r).set_shape(0, -1); }),
            "INVALID_ARGUMENT inputs[0].shape[0]");
  EXPECT_EQ(fault([&](Request& r) { input(r).clear_shape(); }), "INVALID_ARGUMENT inputs[0].shape");
  EXPECT_EQ(fault([&](Request& r) {
              input(r).set_shape(0, 0);
              input(r).clear_contents();
            }),
            "INVALID_ARGUMENT inputs[0].shape");
  EXPECT_EQ(fault([&](Request& r) { r.add_raw_input_contents("x"); }),
            "INVALID_ARGUMENT inputs[0].contents");
  EXPECT_EQ(fault([](Request& r) { r.mutable_outputs(0)->set_name("logits"); }),
            "INVALID_ARGUMENT outputs[0].name");
  EXPECT_EQ(fault([](Request& r) { r.add_outputs()->set_name("label"); }),
            "INVALID_ARGUMENT outputs[1].name");
  const auto parameter = [&](const std::string& name, auto set) {
    return fault([&](Request& r) { set((*r.mutable_parameters())[name]); });
  };
  EXPECT_EQ(parameter("top_k", [](auto& p) { p.set_int64_param(-1); }),
            "INVALID_ARGUMENT parameters[top_k]");
  EXPECT_EQ(parameter("top_k", [](auto& p) { p.set_string_param("2"); }),
            "INVALID_ARGUMENT parameters[top_k]");
  EXPECT_EQ(parameter("format", [](auto& p) { p.set_string_param("docx"); }),
            "INVALID_ARGUMENT parameters[format]");
  EXPECT_EQ(parameter("truncation", [](auto& p) { p.set_string_param("middle"); }),
            "INVALID_ARGUMENT parameters[truncation]");
  EXPECT_EQ(parameter("colour", [](auto& p) { p.set_string_param("red"); }),
            "INVALID_ARGUMENT parameters[colour]");
  EXPECT_EQ(parameter("normalize", [](auto&) {}), "INVALID_ARGUMENT parameters[normalize]");
  EXPECT_EQ(parameter("sequence_id", [](auto& p) { p.set_int64_param(3); }), "OK");
  EXPECT_EQ(fault([&](Request& r) {
              (*input(r).mutable_parameters())["shared_memory_region"].set_string_param("r");
            }),
            "UNIMPLEMENTED inputs[0].parameters[shared_memory_region]");
  EXPECT_EQ(fault([](Request& r) {
              auto& parameters = *r.mutable_outputs(0)->mutable_parameters();
              parameters["shared_memory_region"].set_string_param("r");
            }),
            "UNIMPLEMENTED outputs[0].parameters[shared_memory_region]");
  EXPECT_EQ(fault([&](Request& r) {
              input(r).mutable_contents()->set_bytes_contents(0, std::string(101, 'x'));
            }),
            "RESOURCE_EXHAUSTED document");
  EXPECT_EQ(fault([&](Request& r) {
              input(r).mutable_contents()->set_bytes_contents(0, "not \xff utf-8");
            }),
            "INVALID_ARGUMENT document");
  EXPECT_EQ(fault([&](Request& r) {
              input(r).set_shape(0, (kMaxInferDocuments + 1));
              for (int64_t i = 1; i < (kMaxInferDocuments + 1); ++i) {
                input(r).mutable_contents()->add_bytes_contents("");
              }
            }),
            "RESOURCE_EXHAUSTED inputs[0].shape");
}

TEST(KserveTest, OneBadDocumentFailsTheCallUnlessErrorsAreAskedFor) {
  TestServer server;
  const auto stub = NewStub(server);
  const std::vector<std::string> documents = {"good one", "please fail-this", "good two",
                                              "not \xff utf-8"};
  ModelInferResponse response;
  const grpc::Status status = Infer(*stub, MakeRequest(documents), &response);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.error_message(), ::testing::ContainsRegex("document [13]: "));

  ASSERT_TRUE(Infer(*stub, MakeRequest(documents, {"label", "probability", "embedding", "error"}),
                    &response)
                  .ok());
  const auto& errors = response.outputs(3).contents().bytes_contents();
  ASSERT_EQ(errors.size(), 4);
  EXPECT_EQ(errors[0], "");
  EXPECT_THAT(errors[1], HasSubstr("INTERNAL: "));
  EXPECT_EQ(errors[2], "");
  EXPECT_THAT(errors[3], HasSubstr("INVALID_ARGUMENT: "));
  EXPECT_NE(response.outputs(0).contents().bytes_contents(0), "");
  EXPECT_EQ(response.outputs(0).contents().bytes_contents(3), "");
  EXPECT_FALSE(std::isnan(response.outputs(1).contents().fp32_contents(6)));
  EXPECT_TRUE(std::isnan(response.outputs(1).contents().fp32_contents(3)));
  EXPECT_TRUE(std::isnan(response.outputs(2).contents().fp32_contents(8)));
}

TEST(KserveTest, AnswerOverTheMessageLimitIsRefusedBeforeItIsComputed) {
  ServerOptions options;
  options.max_message_bytes = 4096;
  std::atomic<int> num_passes{0};
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](absl::Span<const models::WorkItem>) { ++num_passes; };
  TestServer server(engine, {}, options);
  const auto stub = NewStub(server);
  ModelInferResponse response;
  const ModelInferRequest request = MakeRequest(std::vector<std::string>(200, "a"), {"embedding"});
  const grpc::Status status = Infer(*stub, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).info.reason(), "RESPONSE_TOO_LARGE");
  EXPECT_EQ(num_passes, 0);
}

TEST(KserveTest, TimeoutAndCancelStopTheWork) {
  runtime::testing::NullEngineOptions engine;
  engine.num_layers = 1000;
  engine.layer_time = absl::Milliseconds(20);
  TestServer server(engine);
  const auto stub = NewStub(server);
  ModelInferRequest request = MakeRequest({"text", "more"});
  (*request.mutable_parameters())["timeout"].set_int64_param(50'000);  // microseconds
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Fault(*stub, request), "DEADLINE_EXCEEDED ");
  request.clear_parameters();
  grpc::ClientContext context;
  std::thread canceller([&] {
    absl::SleepFor(absl::Milliseconds(50));
    context.TryCancel();
  });
  ModelInferResponse response;
  EXPECT_EQ(stub->ModelInfer(&context, request, &response).error_code(),
            grpc::StatusCode::CANCELLED);
  canceller.join();
  server.server().Drain(absl::ZeroDuration(), absl::Seconds(10));  // nothing is left to wait for
  EXPECT_LT(absl::Now() - begin, absl::Seconds(8));
}

TEST(KserveTest, HealthMetadataConfigAndStatistics) {
  TestServer server;
  const auto stub = NewStub(server);
  const auto ready = [&](const std::string& name, const std::string& version) {
    grpc::ClientContext context;
    inference::ModelReadyRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelReadyResponse response;
    EXPECT_TRUE(stub->ModelReady(&context, request, &response).ok());
    return response.ready();
  };
  EXPECT_TRUE(ready("first", ""));
  EXPECT_TRUE(ready("second", "1"));
  EXPECT_FALSE(ready("second", "2"));
  EXPECT_FALSE(ready("none", ""));
  EXPECT_FALSE(ready("", ""));
  {
    grpc::ClientContext live_context, ready_context, metadata_context;
    inference::ServerLiveResponse live;
    ASSERT_TRUE(stub->ServerLive(&live_context, {}, &live).ok());
    EXPECT_TRUE(live.live());
    inference::ServerReadyResponse server_ready;
    ASSERT_TRUE(stub->ServerReady(&ready_context, {}, &server_ready).ok());
    EXPECT_TRUE(server_ready.ready());
    inference::ServerMetadataResponse metadata;
    ASSERT_TRUE(stub->ServerMetadata(&metadata_context, {}, &metadata).ok());
    EXPECT_EQ(metadata.name(), "strata");
    EXPECT_FALSE(metadata.version().empty());
    EXPECT_THAT(metadata.extensions(), ::testing::Contains("model_repository"));
  }
  inference::ModelMetadataRequest metadata_request;
  metadata_request.set_name("first");
  inference::ModelMetadataResponse metadata;
  grpc::ClientContext metadata_context;
  ASSERT_TRUE(stub->ModelMetadata(&metadata_context, metadata_request, &metadata).ok());
  EXPECT_THAT(metadata.versions(), ElementsAre("1"));
  ASSERT_EQ(metadata.inputs_size(), 1);
  EXPECT_EQ(metadata.inputs(0).name(), "document");
  ASSERT_EQ(metadata.outputs_size(), 5);
  EXPECT_THAT(metadata.outputs(2).shape(), ElementsAre(-1, 8));
  EXPECT_EQ(metadata.properties().at("labels"), R"(["alpha","beta","gamma"])");
  metadata_request.set_name("none");
  grpc::ClientContext none_context;
  EXPECT_EQ(stub->ModelMetadata(&none_context, metadata_request, &metadata).error_code(),
            grpc::StatusCode::NOT_FOUND);
  inference::ModelConfigRequest config_request;
  config_request.set_name("second");
  inference::ModelConfigResponse config;
  grpc::ClientContext config_context;
  ASSERT_TRUE(stub->ModelConfig(&config_context, config_request, &config).ok());
  EXPECT_EQ(config.config().max_batch_size(), 0);
  EXPECT_EQ(config.config().input(0).data_type(), inference::TYPE_STRING);

  EXPECT_EQ(Fault(*stub, MakeRequest({"a", "b"}, {"label"})), "OK");
  EXPECT_NE(Fault(*stub, MakeRequest({"fail-this"}, {"label"})), "OK");
  inference::ModelStatisticsRequest statistics_request;
  inference::ModelStatisticsResponse statistics;
  grpc::ClientContext statistics_context;
  ASSERT_TRUE(stub->ModelStatistics(&statistics_context, statistics_request, &statistics).ok());
  ASSERT_EQ(statistics.model_stats_size(), 2);
  statistics_request.set_name("second@1");
  inference::ModelStatisticsResponse by_reference;
  grpc::ClientContext reference_context;
  ASSERT_TRUE(stub->ModelStatistics(&reference_context, statistics_request, &by_reference).ok());
  ASSERT_EQ(by_reference.model_stats_size(), 1);
  EXPECT_EQ(by_reference.model_stats(0).name(), "second");
  const inference::ModelStatistics& first = statistics.model_stats(0);
  EXPECT_EQ(first.name(), "first");
  EXPECT_EQ(first.inference_count(), 2u);
  EXPECT_GE(first.execution_count(), 2u);
  EXPECT_EQ(first.inference_stats().success().count(), 2u);
  EXPECT_EQ(first.inference_stats().fail().count(), 1u);
  EXPECT_EQ(first.inference_stats().compute_infer().count(), 2u);
  EXPECT_GT(first.inference_stats().success().ns(), 0u);
  EXPECT_GT(first.last_inference(), 1'600'000'000'000u);
  uint64_t documents = 0;
  for (const auto& batch : first.batch_stats()) {
    documents += batch.batch_size() * batch.compute_infer().count();
  }
  EXPECT_EQ(documents, 3u);
  EXPECT_EQ(statistics.model_stats(1).inference_count(), 0u);
}

TEST(KserveTest, RepositoryIsSeenAndChanged) {
  TestServer server;
  const auto stub = NewStub(server);
  const auto index = [&] {
    grpc::ClientContext context;
    inference::RepositoryIndexResponse response;
    EXPECT_TRUE(stub->RepositoryIndex(&context, {}, &response).ok());
    std::vector<std::string> lines;
    for (const auto& model : response.models()) {
      lines.push_back(absl::StrCat(model.name(), " ", model.version(), " ", model.state()));
    }
    return lines;
  };
  EXPECT_THAT(index(), ElementsAre("first 1 READY", "second 1 READY"));
  inference::RepositoryModelUnloadRequest unload;
  unload.set_model_name("second");
  (*unload.mutable_parameters())["unload_dependents"].set_bool_param(false);
  inference::RepositoryModelUnloadResponse unloaded;
  grpc::ClientContext unload_context;
  ASSERT_TRUE(stub->RepositoryModelUnload(&unload_context, unload, &unloaded).ok());
  EXPECT_THAT(index(), ElementsAre("first 1 READY", "second  UNAVAILABLE"));
  ModelInferRequest request = MakeRequest({"a"});
  request.set_model_name("second");
  EXPECT_EQ(Fault(*stub, request), "UNAVAILABLE model_name");

  const auto load = [&](const std::string& name, const std::string& parameter) {
    grpc::ClientContext context;
    inference::RepositoryModelLoadRequest message;
    message.set_model_name(name);
    if (!parameter.empty()) (*message.mutable_parameters())[parameter].set_string_param("{}");
    inference::RepositoryModelLoadResponse response;
    return stub->RepositoryModelLoad(&context, message, &response).error_code();
  };
  EXPECT_EQ(load("second", ""), grpc::StatusCode::FAILED_PRECONDITION);  // an engine of the test
  EXPECT_EQ(load("third", ""), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(load("../first", ""), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(load("first", "config"), grpc::StatusCode::UNIMPLEMENTED);
}

TEST(KserveTest, LogSettingsChangeTheLevel) {
  TestServer server;
  const auto stub = NewStub(server);
  telemetry::SetLogSink([](const std::string&) {});
  telemetry::SetLogLevel(telemetry::LogLevel::kWarning);
  using Request = inference::LogSettingsRequest;
  const auto change = [&](const std::function<void(Request&)>& set) -> std::string {
    Request request;
    set(request);
    inference::LogSettingsResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub->LogSettings(&context, request, &response);
    return status.ok() ? response.settings().at("log_level").string_param()
                       : absl::StrCat("code ", static_cast<int>(status.error_code()));
  };
  EXPECT_EQ(change([](Request&) {}), "warning");
  EXPECT_EQ(change([](Request& r) { (*r.mutable_settings())["log_info"].set_bool_param(true); }),
            "info");
  EXPECT_TRUE(telemetry::LogEnabled(telemetry::LogLevel::kInfo));
  EXPECT_EQ(
      change([](Request& r) { (*r.mutable_settings())["log_verbose_level"].set_uint32_param(1); }),
      "debug");
  EXPECT_EQ(
      change([](Request& r) { (*r.mutable_settings())["log_level"].set_string_param("error"); }),
      "error");
  EXPECT_FALSE(telemetry::LogEnabled(telemetry::LogLevel::kWarning));
  EXPECT_EQ(change([](Request& r) { (*r.mutable_settings())["log_error"].set_bool_param(false); }),
            "off");
  // INVALID_ARGUMENT and UNIMPLEMENTED change nothing.
  EXPECT_EQ(change([](Request& r) { (*r.mutable_settings())["log_info"].set_bool_param(true); }),
            "code 3");
  EXPECT_EQ(change([](Request& r) { (*r.mutable_settings())["log_colour"].set_bool_param(true); }),
            "code 3");
  EXPECT_EQ(change([](Request& r) { (*r.mutable_settings())["log_file"].set_string_param("x"); }),
            "code 12");
  EXPECT_EQ(change([](Request&) {}), "off");
  telemetry::SetLogSink(nullptr);
}

using Stream = grpc::ClientReaderWriter<ModelInferRequest, inference::ModelStreamInferResponse>;

TEST(KserveStreamTest, AnswersInOrderWithErrorsInBand) {
  TestServer server;
  const auto stub = NewStub(server);
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub->ModelStreamInfer(&context);
  std::thread writer([&] {
    for (int i = 0; i < 600; ++i) {
      ModelInferRequest request = MakeRequest({absl::StrCat("document ", i)}, {"token_count"});
      request.set_id(absl::StrCat(i));
      if (i % 10 == 3) request.set_model_name("none");
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  inference::ModelStreamInferResponse response;
  int next = 0;
  for (; stream->Read(&response); ++next) {
    ASSERT_EQ(response.infer_response().id(), absl::StrCat(next));
    if (next % 10 == 3) {
      EXPECT_THAT(response.error_message(), HasSubstr("NOT_FOUND: "));
      EXPECT_EQ(response.infer_response().outputs_size(), 0);
    } else {
      EXPECT_EQ(response.error_message(), "");
      EXPECT_EQ(response.infer_response().outputs_size(), 1);
    }
  }
  writer.join();
  EXPECT_EQ(next, 600);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(KserveStreamTest, ErrorEndsTheStreamIfAskedFor) {
  TestServer server;
  const auto stub = NewStub(server);
  grpc::ClientContext context;
  context.AddMetadata("triton_grpc_error", "true");
  const std::unique_ptr<Stream> stream = stub->ModelStreamInfer(&context);
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Write(MakeRequest({"good"})));
  ASSERT_TRUE(stream->Read(&response));
  ModelInferRequest bad = MakeRequest({"bad"});
  bad.set_model_name("none");
  ASSERT_TRUE(stream->Write(bad));
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailsOf(status).info.reason(), "MODEL_NOT_FOUND");
}

TEST(KserveStreamTest, CancelAndDrainEndStreams) {
  runtime::testing::NullEngineOptions engine;
  engine.num_layers = 100;
  engine.layer_time = absl::Milliseconds(5);
  TestServer server(engine);
  const auto stub = NewStub(server);
  grpc::ClientContext cancelled;
  const std::unique_ptr<Stream> first = stub->ModelStreamInfer(&cancelled);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(first->Write(MakeRequest({"text"})));
  cancelled.TryCancel();
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::CANCELLED);

  grpc::ClientContext drained;
  const std::unique_ptr<Stream> second = stub->ModelStreamInfer(&drained);
  ASSERT_TRUE(second->Write(MakeRequest({"text"}, {"label"})));
  absl::SleepFor(absl::Milliseconds(100));
  std::thread drainer([&] { server.server().Drain(absl::ZeroDuration(), absl::Seconds(20)); });
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(second->Read(&response));  // what was accepted is answered
  EXPECT_EQ(response.error_message(), "");
  EXPECT_FALSE(second->Read(&response));
  EXPECT_EQ(second->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  drainer.join();
}

TEST(KserveStreamTest, SlowReaderHoldsNoMoreThanTheBounds) {
  ServerOptions options;
  options.stream.max_documents = 4;
  options.stream.idle_timeout = absl::Milliseconds(400);
  runtime::testing::NullEngineOptions engine;
  engine.hidden_size = 100'000;  // answers that fill the connection's window
  TestServer server(engine, {}, options);
  const auto stub = NewStub(server);
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub->ModelStreamInfer(&context);
  int num_written = 0;
  // Nobody reads: the server stops reading, then gives the stream up.
  while (num_written < 100'000 && stream->Write(MakeRequest({"text"}, {"embedding"}))) {
    ++num_written;
  }
  EXPECT_LT(num_written, 100'000);
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace strata::service
