#include <algorithm>

#include "testing/dev_broker/context.h"

namespace spillway::dev {

Reply handle(Context& context, const wire::SaslAuthenticateRequest& request,
             wire::SaslAuthenticateResponse& response) {
  LoginDesk& desk = context.cluster.login_desk();
  response.error_code =
      context.error_or(desk.asks() ? KafkaError::kNone : KafkaError::kIllegalSaslState);
  context.hang_up = response.error_code != 0;
  if (response.error_code != 0) return Reply::Answer;
  const std::string_view said(reinterpret_cast<const char*>(request.auth_bytes.data()),
                              request.auth_bytes.size());
  const auto answer = context.login.take(said, desk, context.now.mono);
  if (!answer) {
    response.error_code = code_of(KafkaError::kSaslAuthenticationFailed);
    response.error_message = context.login.message();
    context.hang_up = true;
    return Reply::Answer;
  }
  const auto bytes = context.allocate<std::byte>(answer->size());
  std::ranges::copy(std::as_bytes(std::span(*answer)).first(bytes.size()), bytes.begin());
  response.auth_bytes = bytes;
  if (context.login.is_in()) response.session_lifetime_ms = desk.settings().session.count();
  return Reply::Answer;
}

}  // namespace spillway::dev
