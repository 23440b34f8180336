#include "agent/gateway/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using google::protobuf::FileDescriptorProto;
using grpc::reflection::v1alpha::ServerReflection;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using testing::Contains;

class ReflectionTest : public ServerFixture {
 protected:
  // One conversation of one question.
  grpc::Status Ask(const Pem& who, const ServerReflectionRequest& request,
                   ServerReflectionResponse* response) {
    grpc::ClientContext context;
    const auto stub = ServerReflection::NewStub(Dial(&who));
    const auto stream = stub->ServerReflectionInfo(&context);
    stream->Write(request);
    stream->WritesDone();
    stream->Read(response);
    return stream->Finish();
  }
};

TEST_F(ReflectionTest, TellsControllersWhatThereIs) {
  config_.reflection = true;
  StartServer();
  ServerReflectionRequest request;
  request.set_list_services("*");
  ServerReflectionResponse response;
  ASSERT_TRUE(Ask(controller_, request, &response).ok());
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_THAT(names, Contains("bpa.v1.AgentService"));
  EXPECT_THAT(names, Contains("grpc.health.v1.Health"));

  request.set_file_containing_symbol("bpa.v1.AgentService.Describe");
  ASSERT_TRUE(Ask(controller_, request, &response).ok());
  names.clear();
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  EXPECT_EQ(names.front(), "bpa/v1/agent_service.proto");
  EXPECT_THAT(names, Contains("bpa/v1/status.proto")) << "what it imports comes along";

  request.set_file_by_filename("no/such.proto");
  ASSERT_TRUE(Ask(controller_, request, &response).ok());
  EXPECT_EQ(response.error_response().error_code(), grpc::NOT_FOUND);
}

TEST_F(ReflectionTest, IsForControllersAlone) {
  config_.reflection = true;
  StartServer();
  ServerReflectionRequest request;
  request.set_list_services("*");
  ServerReflectionResponse response;
  const Pem other =
      Issue({.uris = {"bpa://another/controller/x"}, .usage = "clientAuth"}, &authority_);
  EXPECT_EQ(Ask(other, request, &response).error_code(), grpc::PERMISSION_DENIED);
}

TEST_F(ReflectionTest, IsOffUnlessItIsAskedFor) {
  StartServer();
  ServerReflectionRequest request;
  request.set_list_services("*");
  ServerReflectionResponse response;
  EXPECT_EQ(Ask(controller_, request, &response).error_code(), grpc::UNIMPLEMENTED);
}

}  // namespace
}  // namespace bpa::gateway
