#include "testing/dev_broker/login.h"

#include <gtest/gtest.h>

#include "testing/dev_broker/node_fixture.h"

namespace spillway::dev {
namespace {

using namespace std::string_view_literals;
using namespace std::chrono_literals;

class LoginTest : public NodeTest {
 protected:
  LoginTest() { demand({.passwords = {{"ann", "secret"}}, .tokens = {"token"}, .session = 10s}); }

  void demand(SaslSettings settings) { restart({.sasl = std::move(settings)}); }
  KafkaError handshake(std::string_view mechanism) {
    const auto answer = call<wire::SaslHandshakeResponse>(wire::SaslHandshakeRequest{mechanism}, 1);
    return answer.problem != nullptr ? KafkaError::kUnknownServerError
                                     : static_cast<KafkaError>(answer.message.error_code);
  }
  KafkaError say(std::string_view bytes) {
    wire::SaslAuthenticateRequest request;
    request.auth_bytes = std::as_bytes(std::span(bytes));
    answer_ = call<wire::SaslAuthenticateResponse>(request, 2);
    return answer_.problem != nullptr ? KafkaError::kUnknownServerError
                                      : static_cast<KafkaError>(answer_.message.error_code);
  }
  KafkaError log_in(std::string_view mechanism, std::string_view bytes) {
    const KafkaError error = handshake(mechanism);
    return error != KafkaError::kNone ? error : say(bytes);
  }
  bool serves() {
    return handle_frame(make_frame(wire::InitProducerIdRequest{}, 2)).kind == Outcome::Kind::Answer;
  }

  Decoded<wire::SaslAuthenticateResponse> answer_;
};

TEST_F(LoginTest, NothingButVersionsIsServedToStrangers) {
  EXPECT_FALSE(serves());
  EXPECT_EQ(handle_frame(make_frame(wire::ApiVersionsRequest{"name", "1.0"}, 3)).kind,
            Outcome::Kind::Answer);
  EXPECT_EQ(handle_frame(make_frame(wire::SaslAuthenticateRequest{}, 2)).kind,
            Outcome::Kind::Close);
}

TEST_F(LoginTest, WhoLogsInIsServed) {
  EXPECT_EQ(log_in("PLAIN", "\0ann\0secret"sv), KafkaError::kNone);
  EXPECT_EQ(answer_.message.session_lifetime_ms, 10'000);
  EXPECT_TRUE(serves());
}

TEST_F(LoginTest, ATokenIsKnownOrRefusedInTwoSteps) {
  EXPECT_EQ(log_in("OAUTHBEARER",
                   "n,,\x01"
                   "auth=Bearer token\x01\x01"),
            KafkaError::kNone);
  EXPECT_TRUE(serves());
  demand({.tokens = {"token"}});
  EXPECT_EQ(log_in("OAUTHBEARER",
                   "n,,\x01"
                   "auth=Bearer other\x01\x01"),
            KafkaError::kNone);
  EXPECT_FALSE(answer_.message.auth_bytes.empty());
  EXPECT_EQ(say("\x01"), KafkaError::kSaslAuthenticationFailed);
  EXPECT_FALSE(serves());
}

TEST_F(LoginTest, WrongWordsAreRefusedAndTheConnectionEnds) {
  for (const std::string_view words : {"\0ann\0wrong"sv, "\0bob\0secret"sv, ""sv, "\0"sv, "ann"sv,
                                       "\0ann"sv, "\0\0"sv, "\0ann\0secretx"sv}) {
    demand({.passwords = {{"ann", "secret"}}});
    EXPECT_EQ(log_in("PLAIN", words), KafkaError::kSaslAuthenticationFailed);
    EXPECT_FALSE(serves());
  }
  for (const std::string_view words :
       {""sv, "n,,"sv, "n,,n=ann"sv, "n,,n=ann,r="sv, "y,,n=ann,r=x"sv, "n,,n=bob,r=x"sv}) {
    demand({.passwords = {{"ann", "secret"}}});
    EXPECT_EQ(log_in("SCRAM-SHA-256", words), KafkaError::kSaslAuthenticationFailed) << words;
  }
  for (const std::string_view words : {""sv, "c=biws"sv, "c=biws,r=x,p=AAAA"sv, ",p="sv}) {
    demand({.passwords = {{"ann", "secret"}}});
    EXPECT_EQ(log_in("SCRAM-SHA-256", "n,,n=ann,r=x"), KafkaError::kNone);
    EXPECT_EQ(say(words), KafkaError::kSaslAuthenticationFailed) << words;
  }
}

TEST_F(LoginTest, OnlyOfferedMechanismsAreTaken) {
  EXPECT_EQ(handshake("GSSAPI"), KafkaError::kUnsupportedSaslMechanism);
  demand({.tokens = {"token"}});
  EXPECT_EQ(handshake("PLAIN"), KafkaError::kUnsupportedSaslMechanism);
}

TEST_F(LoginTest, WhereNobodyLogsInNobodyMayTry) {
  demand({});
  EXPECT_TRUE(serves());
  EXPECT_EQ(handshake("PLAIN"), KafkaError::kIllegalSaslState);
  EXPECT_TRUE(serves());
}

TEST_F(LoginTest, ALoginEndsUnlessItIsRenewedByTheSameUser) {
  demand({.passwords = {{"ann", "secret"}, {"bob", "secret"}}, .session = 10s});
  ASSERT_EQ(log_in("PLAIN", "\0ann\0secret"sv), KafkaError::kNone);
  EXPECT_EQ(handshake("PLAIN"), KafkaError::kIllegalSaslState) << "at most once a second";
  time_ += 9s;
  EXPECT_TRUE(serves());
  ASSERT_EQ(handshake("PLAIN"), KafkaError::kNone);
  EXPECT_FALSE(serves()) << "in the middle of it";
  ASSERT_EQ(say("\0ann\0secret"sv), KafkaError::kNone);
  time_ += 9s;
  EXPECT_TRUE(serves());
  time_ += 2s;
  EXPECT_FALSE(serves());
  EXPECT_EQ(log_in("PLAIN", "\0bob\0secret"sv), KafkaError::kSaslAuthenticationFailed);
}

}  // namespace
}  // namespace spillway::dev
