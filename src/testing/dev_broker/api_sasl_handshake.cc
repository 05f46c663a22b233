#include "cluster/sasl.h"
#include "testing/dev_broker/context.h"

namespace spillway::dev {

// Behind version 0 Kafka takes bare SASL messages without any header; here they are no requests.
Reply handle(Context& context, const wire::SaslHandshakeRequest& request,
             wire::SaslHandshakeResponse& response) {
  const LoginDesk& desk = context.cluster.login_desk();
  response.error_code = context.error_or(KafkaError::kNone);
  if (response.error_code == 0)
    response.error_code = code_of(context.login.choose(request.mechanism, desk, context.now.mono));
  const auto names = context.allocate<std::string_view>(desk.mechanisms().size());
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = name_of(desk.mechanisms()[i]);
  response.mechanisms = names;
  context.hang_up = desk.asks() && response.error_code != 0;
  return Reply::Answer;
}

}  // namespace spillway::dev
