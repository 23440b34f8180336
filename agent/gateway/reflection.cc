#include "agent/gateway/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "agent/gateway/request.h"

namespace bpa::gateway {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

void SetError(grpc::StatusCode code, const char* message, ServerReflectionResponse& response) {
  response.mutable_error_response()->set_error_code(code);
  response.mutable_error_response()->set_error_message(message);
}

// The file and all that it imports, each once.
void AddFile(const FileDescriptor& file, std::set<std::string>& added,
             FileDescriptorResponse& response) {
  if (!added.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, response);
}

void AnswerFile(const FileDescriptor* file, ServerReflectionResponse& response) {
  if (file == nullptr) return SetError(grpc::NOT_FOUND, "not in this schema", response);
  std::set<std::string> added;
  AddFile(*file, added, *response.mutable_file_descriptor_response());
}

void Answer(const ServerReflectionRequest& request, const std::vector<std::string>& services,
            ServerReflectionResponse& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : services) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      break;
    case ServerReflectionRequest::kFileByFilename:
      return AnswerFile(pool.FindFileByName(request.file_by_filename()), response);
    case ServerReflectionRequest::kFileContainingSymbol:
      return AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()), response);
    case ServerReflectionRequest::kFileContainingExtension:
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      return SetError(grpc::NOT_FOUND, "proto3 has no extensions", response);
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      return SetError(grpc::INVALID_ARGUMENT, "asks for nothing", response);
  }
}

}  // namespace

ReflectionService::ReflectionService(const PeerCheck& peers, std::vector<std::string> services)
    : peers_(peers), services_(std::move(services)) {}

grpc::Status ReflectionService::ServerReflectionInfo(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<ServerReflectionResponse, ServerReflectionRequest>* stream) {
  return Serve("Reflection", *context, peers_, 0, [&]() -> absl::Status {
    const auto leave = absl::MakeCleanup([this] { --running_; });
    if (++running_ > kMaxReflections) {
      return absl::ResourceExhaustedError("reflection is in use: try again later");
    }
    ServerReflectionRequest request;
    for (int i = 0; i < kMaxReflectionRequests && stream->Read(&request); ++i) {
      ServerReflectionResponse response;
      response.set_valid_host(request.host());
      *response.mutable_original_request() = request;
      Answer(request, services_, response);
      if (!stream->Write(response)) break;
    }
    return absl::OkStatus();
  });
}

}  // namespace bpa::gateway
