// From a connection to a broker that takes requests: which versions it speaks, and who we are.
//
//   connected ─► ApiVersions ─► [SaslHandshake ─► SaslAuthenticate…] ─► ready ─┐
//                                     ^── before the login ends (KIP-368) ◄────┘

#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "cluster/answer.h"
#include "cluster/engine.h"
#include "cluster/sasl_text.h"
#include "spillway/version.h"
#include "wire/errors.h"
#include "wire/messages/sasl_authenticate.h"
#include "wire/messages/sasl_handshake.h"

namespace spillway {
namespace {

using wire::ApiKey;

// As brokers have it, which refuse to be asked more often.
constexpr auto kLoginMin = std::chrono::seconds(1);
constexpr auto kLoginMax = std::chrono::hours(24 * 365);  // longer is for ever
constexpr std::size_t kNonceRandomBytes = 18;             // 24 characters
constexpr std::size_t kMechanismsNamedMax = 8;

std::string handshake_fault(const wire::SaslHandshakeResponse& response, SaslMechanism mechanism) {
  const auto error = static_cast<wire::ErrorCode>(response.error_code);
  if (error == wire::ErrorCode::kIllegalSaslState)
    return "this listener does not authenticate: take the port of a SASL listener, or leave "
           "Options::sasl out";
  if (error != wire::ErrorCode::kUnsupportedSaslMechanism)
    return std::string("it refuses to authenticate: ") + wire::error_info(response.error_code).name;
  std::string text = "it does not offer " + std::string(name_of(mechanism)) + " but ";
  std::size_t count = 0;
  for (const std::string_view each : response.mechanisms) {
    if (count == kMechanismsNamedMax) break;
    text += (count++ == 0 ? "" : ", ") + printable(each, 32);
  }
  return text + (count == 0 ? "nothing" : "") + ": choose another sasl.mechanism or listener";
}

}  // namespace

void Engine::ask_versions(Session& session, std::int16_t version) {
  wire::ApiVersionsRequest request;
  request.client_software_name = "spillway";
  request.client_software_version = kVersion;
  SPILL_CHECK(session.start(request, version, options_.client_id, transport_.now()),
              "a fixed request fits");
  (void)session.flush(transport_);
}

bool Engine::on_versions(Session& session, const InFlight& request,
                         std::span<const std::byte> frame) {
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::ApiVersionsResponse response;
  // A broker that does not speak our version answers in version 0 (KIP-35).
  InFlight as_answered = request;
  wire::Reader peek(frame.subspan(4));
  const auto error = static_cast<wire::ErrorCode>(peek.integer<std::int16_t>());
  if (error == wire::ErrorCode::kUnsupportedVersion && request.version > 0) {
    ask_versions(session, request.version > 3 ? 3 : 0);
    return true;
  }
  if (!decode_answer(as_answered, frame, arena, response)) return false;
  session.learn(response);
  if (session.version(ApiKey::kProduce) < 0 || session.version(ApiKey::kMetadata) < 0) {
    close_session(session, "it speaks no version of Produce or Metadata that we speak");
    return true;
  }
  if (options_.idempotence && session.version(ApiKey::kInitProducerId) < 0) {
    close_session(
        session,
        "it gives out no producer ids (InitProducerId): without idempotence it can be used, "
        "for example with acks=1");
    return true;
  }
  if (sasl_ != nullptr) {
    log_in(session, transport_.now());
  } else {
    established(session);
  }
  return true;
}

void Engine::established(Session& session) {
  session.ready();
  session.failures = 0;
  add(counters_.brokers_connected, 1);
  char text[320];
  std::snprintf(text, sizeof(text), "connected to broker %s:%u", session.endpoint.host.c_str(),
                session.endpoint.port);
  fates_.event(Severity::Info, text);
}

void Engine::log_in(Session& session, MonoTime now) {
  session.authenticating();
  const std::int16_t version = session.version(ApiKey::kSaslHandshake);
  if (version < 1 || session.version(ApiKey::kSaslAuthenticate) < 0)
    return refuse_login(session, "it is too old for SASL as Kafka speaks it since 1.0");
  wire::SaslHandshakeRequest request;
  request.mechanism = name_of(sasl_->mechanism());
  SPILL_CHECK(session.start(request, version, options_.client_id, now), "a fixed request fits");
  (void)session.flush(transport_);
}

bool Engine::on_handshake(Session& session, const InFlight& request,
                          std::span<const std::byte> frame) {
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::SaslHandshakeResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  if (response.error_code != 0) {
    refuse_login(session, handshake_fault(response, sasl_->mechanism()));
    return true;
  }
  std::array<unsigned char, kNonceRandomBytes> random;
  std::array<char, base64_size(kNonceRandomBytes)> nonce;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    refuse_login(session, "the system gave no random bytes, and no login is safe without");
    return true;
  }
  SaslMessage message;
  std::string why;
  const auto step = session.sasl.begin(
      *sasl_, base64_encode(std::as_bytes(std::span(random)), nonce), message, why);
  take_step(session, step, message, why);
  return true;
}

bool Engine::on_authenticate(Session& session, const InFlight& request,
                             std::span<const std::byte> frame) {
  wire::Arena arena({arena_memory_.get(), arena_bytes_});
  wire::SaslAuthenticateResponse response;
  if (!decode_answer(request, frame, arena, response)) return false;
  std::string why;
  if (response.error_code != 0) {
    const bool told = response.error_message.has_value() && !response.error_message->empty();
    why = "it refuses our " + std::string(name_of(sasl_->mechanism())) + " credentials: ";
    why += told ? sasl_->quote(*response.error_message)
                : std::string(wire::error_info(response.error_code).name);
    if (!session.sasl.complaint().empty()) why = session.sasl.complaint() + "; " + why;
    refuse_login(session, why);
    return true;
  }
  SaslMessage message;
  const std::string_view said(reinterpret_cast<const char*>(response.auth_bytes.data()),
                              response.auth_bytes.size());
  const auto step = session.sasl.answer(*sasl_, said, message, why);
  if (step == SaslExchange::Step::Done) {
    logged_in(session, request.sent, response.session_lifetime_ms);
  } else {
    take_step(session, step, message, why);
  }
  return true;
}

void Engine::take_step(Session& session, SaslExchange::Step step, const SaslMessage& message,
                       const std::string& why) {
  if (step == SaslExchange::Step::Failed) return refuse_login(session, why);
  wire::SaslAuthenticateRequest request;
  request.auth_bytes = message.bytes();
  SPILL_CHECK(session.start(request, session.version(ApiKey::kSaslAuthenticate), options_.client_id,
                            transport_.now()),
              "a message of SASL fits the send buffer");
  session.wipe_after_send();
  (void)session.flush(transport_);
}

// `asked`: before the broker's own clock began to count, so that ours ends first.
void Engine::logged_in(Session& session, MonoTime asked, std::int64_t lifetime_ms) {
  add(counters_.authentications, 1);
  session.sasl.forget();
  session.reauthenticate_at = session.login_ends = kNever;
  if (lifetime_ms > 0 && lifetime_ms < std::chrono::milliseconds(kLoginMax).count()) {
    const MonoDuration lifetime = std::chrono::milliseconds(lifetime_ms);
    const auto permille = static_cast<std::int64_t>(850 + random_.below(101));
    session.login_ends = asked + lifetime;
    session.reauthenticate_at =
        asked + std::max<MonoDuration>(lifetime / 1000 * permille, kLoginMin);
  }
  if (session.is_up()) {
    session.ready();
  } else {
    established(session);
  }
}

void Engine::refuse_login(Session& session, const std::string& why) {
  add(counters_.authentications_failed, 1);
  close_session(session, why.c_str());
  MutexLock lock(trouble_mutex_);
  trouble_.code = ErrorCode::AuthenticationFailed;
}

// A session whose login ends soon sends nothing new; when all is answered, it logs in again on the
// same connection. When that comes too late, a new connection costs less than a request that the
// broker hangs up on: nothing is in flight, so nothing falls into doubt.
void Engine::renew_logins(MonoTime now) {
  if (sasl_ == nullptr) return;
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    Session& session = sessions_[i];
    if (session.is_ready() && now >= session.reauthenticate_at) session.authenticating();
    if (session.state() != Session::State::Reauthenticating) continue;
    if (session.any_in_flight() || session.sending()) continue;
    if (now < session.login_ends) {
      log_in(session, now);
    } else {
      close_session(session, nullptr);
    }
  }
}

}  // namespace spillway
