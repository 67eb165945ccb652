// A KServe client of a TestServer. For tests.
#ifndef STRATA_SERVICES_GRPC_TESTING_KSERVE_CLIENT_H_
#define STRATA_SERVICES_GRPC_TESTING_KSERVE_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "inference/grpc_service.grpc.pb.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service::testing {

inline std::unique_ptr<inference::GRPCInferenceService::Stub> NewStub(const TestServer& server) {
  return inference::GRPCInferenceService::NewStub(server.NewChannel());
}

// Of the model "first": plain text documents.
inline inference::ModelInferRequest MakeRequest(const std::vector<std::string>& documents,
                                                const std::vector<std::string>& outputs = {}) {
  inference::ModelInferRequest request;
  request.set_model_name("first");
  request.set_id("r1");
  auto* input = request.add_inputs();
  input->set_name("document");
  input->set_datatype("BYTES");
  input->add_shape(static_cast<int64_t>(documents.size()));
  for (const std::string& document : documents) {
    input->mutable_contents()->add_bytes_contents(document);
  }
  (*input->mutable_parameters())["format"].set_string_param("text");
  for (const std::string& output : outputs) request.add_outputs()->set_name(output);
  return request;
}

inline grpc::Status Infer(inference::GRPCInferenceService::Stub& stub,
                          const inference::ModelInferRequest& request,
                          inference::ModelInferResponse* response) {
  grpc::ClientContext context;
  response->Clear();
  return stub.ModelInfer(&context, request, response);
}

}  // namespace strata::service::testing

#endif  // STRATA_SERVICES_GRPC_TESTING_KSERVE_CLIENT_H_
