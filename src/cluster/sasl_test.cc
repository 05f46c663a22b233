#include "cluster/sasl.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <stdexcept>

#include "cluster/sasl_text.h"

namespace spillway {
namespace {

using Step = SaslExchange::Step;
using namespace std::string_view_literals;

constexpr std::string_view kPassword = "pencil";
// The example of RFC 7677 §3.
constexpr std::string_view kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kWholeNonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string kServerFirst =
    "r=" + std::string(kWholeNonce) + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

Sasl scram(SaslMechanism mechanism, std::string username = "user") {
  return {mechanism, std::move(username), std::string(kPassword), nullptr};
}

Sasl bearer(OAuthToken token) {
  return {SaslMechanism::OAuthBearer, "", "", [token = std::move(token)] { return token; }};
}

// One exchange; what goes out and what goes wrong is kept.
struct Talk {
  explicit Talk(const Sasl& sasl) : credentials(sasl) {}
  Step begin(std::string_view nonce = kNonce) {
    out.clear();
    return exchange.begin(credentials, nonce, out, why);
  }
  Step answer(std::string_view message) {
    out.clear();
    return exchange.answer(credentials, message, out, why);
  }
  SaslCredentials credentials;
  SaslExchange exchange;
  SaslMessage out;
  std::string why;
};

TEST(Sasl, PlainSaysItAllInOneMessage) {
  Talk talk({SaslMechanism::Plain, "ann", "s,e=cret", nullptr});
  ASSERT_EQ(talk.begin(), Step::Send);
  EXPECT_EQ(talk.out.text(), "\0ann\0s,e=cret"sv);
  EXPECT_EQ(talk.answer(""), Step::Done);
}

TEST(Sasl, PlainTakesNoQuestion) {
  Talk talk({SaslMechanism::Plain, "ann", "secret", nullptr});
  ASSERT_EQ(talk.begin(), Step::Send);
  EXPECT_EQ(talk.answer("who?"), Step::Failed);
}

// SHA-256 as printed in RFC 7677; the others were computed with Python's hashlib.
TEST(Sasl, ScramSaysWhatTheVectorsSay) {
  const struct {
    SaslMechanism mechanism;
    const char* username;
    const char* name_sent;
    const char* proof;
    const char* signature;
  } cases[] = {
      {SaslMechanism::ScramSha256, "user", "user", "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
       "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
      {SaslMechanism::ScramSha256, "a=b,c", "a=3Db=2Cc",
       "bJKq6Cr+J+Orrk2OQPQOAHxO19l/M9lTgL7yO1DpR34=",
       "C5fab32g43kr9kl0OOZIuxs9xxu42NlEjGXB364T6vE="},
      {SaslMechanism::ScramSha512, "user", "user",
       "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
       "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="},
      {SaslMechanism::ScramSha512, "a=b,c", "a=3Db=2Cc",
       "0xkT+y4PCfsHjCxYybisONBzZtpR42hrEYoVrS8P7JbcTUAsX8pATw30JVmvLi6V54m4ka121j7/Rg7ZNBLA5g==",
       "25DmDvA3+5dUw/xuIDXu3e23LE2M8X9NuMzqfqOFE13zDzXE8SzfO8JQfo9dcWWu7IlR3D4yRUS4wOJ8bIpoug=="},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.proof);
    Talk talk(scram(each.mechanism, each.username));
    for (int turn = 0; turn < 2; ++turn) {  // the second one finds its keys derived
      ASSERT_EQ(talk.begin(), Step::Send);
      EXPECT_EQ(talk.out.text(),
                "n,,n=" + std::string(each.name_sent) + ",r=" + std::string(kNonce));
      ASSERT_EQ(talk.answer(kServerFirst), Step::Send) << talk.why;
      EXPECT_EQ(talk.out.text(),
                "c=biws,r=" + std::string(kWholeNonce) + ",p=" + std::string(each.proof));
      EXPECT_EQ(talk.answer("v=" + std::string(each.signature)), Step::Done) << talk.why;
    }
  }
}

TEST(Sasl, ScramRefusesEveryChallengeThatIsNotOne) {
  const std::string nonce(kWholeNonce);
  const std::string salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
  const struct {
    std::string message;
    const char* word;
  } cases[] = {
      {"", "not r="},
      {"r", "not r="},
      {"r=", "not r="},
      {"e=other-error", "not r="},
      {"r=" + nonce, "not r="},
      {"r=" + nonce + ",s=" + salt, "not r="},
      {"s=" + salt + ",r=" + nonce + ",i=4096", "not r="},
      {"r=" + nonce + ",i=4096,s=" + salt, "not r="},
      {"r=" + nonce + ";s=" + salt + ";i=4096", "not r="},
      {"m=x,r=" + nonce + ",s=" + salt + ",i=4096", "extension"},
      {"r=" + std::string(kNonce) + ",s=" + salt + ",i=4096", "nonce"},
      {"r=x" + nonce + ",s=" + salt + ",i=4096", "nonce"},
      {"r=" + nonce.substr(0, 10) + ",s=" + salt + ",i=4096", "nonce"},
      {"r=" + nonce + "\x01,s=" + salt + ",i=4096", "nonce"},
      {"r=" + nonce + " ,s=" + salt + ",i=4096", "nonce"},
      {"r=" + nonce + ",s=,i=4096", "salt"},
      {"r=" + nonce + ",s=W22,i=4096", "salt"},
      {"r=" + nonce + ",s=W2=2,i=4096", "salt"},
      {"r=" + nonce + ",s=W2*2,i=4096", "salt"},
      {"r=" + nonce + ",s=" + std::string(400, 'A') + ",i=4096", "salt"},
      {"r=" + nonce + ",s=" + salt + ",i=", "number"},
      {"r=" + nonce + ",s=" + salt + ",i=abc", "number"},
      {"r=" + nonce + ",s=" + salt + ",i=4096x", "number"},
      {"r=" + nonce + ",s=" + salt + ",i=-4096", "number"},
      {"r=" + nonce + ",s=" + salt + ",i=0", "fewer"},
      {"r=" + nonce + ",s=" + salt + ",i=4095", "fewer"},
      {"r=" + nonce + ",s=" + salt + ",i=65537", "more"},
      {"r=" + nonce + ",s=" + salt + ",i=99999999999999999999", "more"},
      {"r=" + nonce + std::string(5000, 'x') + ",s=" + salt + ",i=4096", "too long"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.message.substr(0, 100));
    Talk talk(scram(SaslMechanism::ScramSha256));
    ASSERT_EQ(talk.begin(), Step::Send);
    EXPECT_EQ(talk.answer(each.message), Step::Failed);
    EXPECT_NE(talk.why.find(each.word), std::string::npos) << talk.why;
  }
}

// The password was changed on the broker and back, or this is another broker.
TEST(Sasl, ScramFollowsABrokerThatChangesSaltOrCount) {
  Talk talk(scram(SaslMechanism::ScramSha256));
  for (const char* rest :
       {",s=AAAA,i=4096", ",s=AAAB,i=4096", ",s=AAAB,i=4097", ",s=AAAA,i=4096"}) {
    Talk fresh(scram(SaslMechanism::ScramSha256));
    const std::string challenge = "r=" + std::string(kWholeNonce) + rest;
    for (Talk* each : {&talk, &fresh}) {
      ASSERT_EQ(each->begin(), Step::Send);
      ASSERT_EQ(each->answer(challenge), Step::Send);
    }
    EXPECT_EQ(talk.out.text(), fresh.out.text()) << rest;
  }
}

TEST(Sasl, ScramTakesExtensionsBehindTheCountAsTheRfcSays) {
  Talk talk(scram(SaslMechanism::ScramSha256));
  ASSERT_EQ(talk.begin(), Step::Send);
  EXPECT_EQ(talk.answer(kServerFirst + ",x=future"), Step::Send) << talk.why;
}

TEST(Sasl, ScramBelievesNoBrokerThatDoesNotProveItself) {
  const struct {
    std::string message;
    const char* word;
  } cases[] = {
      {"", "prove"},
      {"v=", "prove"},
      {"v", "prove"},
      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "prove"},
      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95Gw=", "prove"},
      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", "prove"},
      {"v=" + std::string(88, 'A'), "prove"},
      {"v=" + std::string(8800, 'A'), "prove"},
      {"p=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "prove"},
      {kServerFirst, "prove"},
      {"e=unknown-user", "unknown-user"},
      {"e=\x1b[2Jpencil", "withheld"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.message.substr(0, 100));
    Talk talk(scram(SaslMechanism::ScramSha256));
    ASSERT_EQ(talk.begin(), Step::Send);
    ASSERT_EQ(talk.answer(kServerFirst), Step::Send);
    EXPECT_EQ(talk.answer(each.message), Step::Failed);
    EXPECT_NE(talk.why.find(each.word), std::string::npos) << talk.why;
    EXPECT_EQ(talk.why.find(kPassword), std::string::npos);
  }
}

TEST(Sasl, BearerSendsTokenAndExtensions) {
  Talk talk(bearer({"abc.def.~+/=", {{"traceId", "7 8"}, {"pool", "x"}}}));
  ASSERT_EQ(talk.begin(), Step::Send) << talk.why;
  EXPECT_EQ(talk.out.text(),
            "n,,\x01"
            "auth=Bearer abc.def.~+/=\x01"
            "traceId=7 8\x01pool=x\x01\x01");
  EXPECT_EQ(talk.answer(""), Step::Done);
}

TEST(Sasl, BearerAbortsARefusedTokenAndKeepsItsStatus) {
  Talk talk(bearer({"abc", {}}));
  ASSERT_EQ(talk.begin(), Step::Send);
  ASSERT_EQ(talk.answer(R"({ "scope":"s", "status" : "invalid_token", "x":1})"), Step::Send);
  EXPECT_EQ(talk.out.text(), "\x01");
  EXPECT_NE(talk.exchange.complaint().find("invalid_token"), std::string::npos);
  EXPECT_EQ(talk.answer(""), Step::Failed);
  EXPECT_NE(talk.why.find("invalid_token"), std::string::npos);
}

TEST(Sasl, BearerSurvivesEveryComplaint) {
  for (const std::string text :
       {"{", "\"status\"", "\"status\":", "\"status\":\"", "\"status\":5", "{\"status\":\"\x01\"}",
        "{\"status\":\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\"}"}) {
    Talk talk(bearer({"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", {}}));
    ASSERT_EQ(talk.begin(), Step::Send);
    EXPECT_EQ(talk.answer(text), Step::Send);
    EXPECT_EQ(talk.out.text(), "\x01");
    EXPECT_EQ(printable(talk.exchange.complaint(), 500), talk.exchange.complaint());
    EXPECT_EQ(talk.exchange.complaint().find("abcdefghijklmnop"), std::string::npos);
  }
}

TEST(Sasl, BearerSendsNothingThatIsNoToken) {
  const OAuthToken cases[] = {
      {"", {}},
      {"a b", {}},
      {"a\x01"
       "b",
       {}},
      {"a\nb", {}},
      {"a,b", {}},
      {std::string(7 * kKiB, 'a'), {}},
      {"a", {{"", "x"}}},
      {"a", {{"auth", "x"}}},
      {"a", {{"k1", "x"}}},
      {"a", {{"k", "x\x01y"}}},
      {"a", {{"k", std::string(1, '\0')}}},
      {"a", {{"k", std::string(8 * kKiB, 'x')}}},
  };
  for (const OAuthToken& each : cases) {
    Talk talk(bearer(each));
    EXPECT_EQ(talk.begin(), Step::Failed) << each.value.substr(0, 20);
    EXPECT_FALSE(talk.why.empty());
  }
}

TEST(Sasl, ACallbackThatThrowsHasNoToken) {
  Talk talk({SaslMechanism::OAuthBearer, "", "",
             []() -> OAuthToken { throw std::runtime_error("the token server is down"); }});
  EXPECT_EQ(talk.begin(), Step::Failed);
  EXPECT_NE(talk.why.find("none at hand"), std::string::npos);
}

TEST(Sasl, AnAnswerThatNobodyAskedForFails) {
  Talk talk(scram(SaslMechanism::ScramSha256));
  EXPECT_EQ(talk.answer(kServerFirst), Step::Failed);
}

TEST(Sasl, OptionsAreHonouredOrRefused) {
  const auto token = [] { return OAuthToken{"x", {}}; };
  const struct {
    Sasl sasl;
    const char* word;  // of the refusal; null: none
  } cases[] = {
      {{SaslMechanism::Plain, "u", "p", nullptr}, nullptr},
      {{SaslMechanism::ScramSha512, "u", "p", nullptr}, nullptr},
      {{SaslMechanism::OAuthBearer, "", "", token}, nullptr},
      {{SaslMechanism::Plain, "", "p", nullptr}, "username"},
      {{SaslMechanism::ScramSha256, "u", "", nullptr}, "password"},
      {{SaslMechanism::Plain, "u", "p", token}, "token"},
      {{SaslMechanism::Plain, std::string("u\0x", 3), "p", nullptr}, "zero"},
      {{SaslMechanism::Plain, "u", std::string("p\0x", 3), nullptr}, "zero"},
      {{SaslMechanism::Plain, std::string(256, 'u'), "p", nullptr}, "255"},
      {{SaslMechanism::Plain, "u", std::string(1025, 'p'), nullptr}, "1024"},
      {{SaslMechanism::OAuthBearer, "", "", nullptr}, "token"},
      {{SaslMechanism::OAuthBearer, "u", "", token}, "username"},
      {{SaslMechanism::OAuthBearer, "", "p", token}, "password"},
      {{SaslMechanism::Gssapi, "", "", nullptr}, "GSSAPI"},
  };
  for (const auto& each : cases) {
    const auto checked = check_sasl(each.sasl);
    ASSERT_EQ(checked.ok(), each.word == nullptr) << checked.error().message();
    if (each.word == nullptr) continue;
    EXPECT_EQ(checked.code(), ErrorCode::InvalidOption);
    EXPECT_NE(checked.error().message().find(each.word), std::string::npos)
        << checked.error().message();
  }
}

TEST(Sasl, TheLargestCredentialsFitOneMessage) {
  for (const SaslMechanism mechanism : {SaslMechanism::Plain, SaslMechanism::ScramSha512}) {
    Talk talk({mechanism, std::string(kSaslUsernameMax, ','), std::string(kSaslPasswordMax, 'p'),
               nullptr});
    ASSERT_EQ(talk.begin(std::string(SaslExchange::kNonceMax, 'n')), Step::Send);
    EXPECT_TRUE(talk.out.fits());
  }
}

// Whatever is left in the memory of a dead object, the secret is not.
template <typename T, typename Use>
bool leaves(std::string_view secret, Use use) {
  alignas(T) static unsigned char memory[sizeof(T)];
  std::memset(memory, 0, sizeof(memory));
  const auto holds = [&] {
    const std::string_view all(reinterpret_cast<const char*>(memory), sizeof(memory));
    return all.find(secret) != all.npos;
  };
  T* object = use(static_cast<void*>(memory));
  EXPECT_TRUE(holds()) << "the search must be able to find it in " << sizeof(T);
  object->~T();
  return holds();
}

TEST(Sasl, SecretsDoNotOutliveTheirHolders) {
  const std::string secret = "correct-horse-battery-staple";
  EXPECT_FALSE(leaves<SaslCredentials>(secret, [&](void* place) {
    return new (place) SaslCredentials({SaslMechanism::Plain, "ann", secret, nullptr});
  }));
  EXPECT_FALSE(leaves<SaslMessage>(secret, [&](void* place) {
    auto* message = new (place) SaslMessage;
    *message << secret;
    return message;
  }));
  std::array<std::byte, 8> salt{};
  ScramKeys twin;
  ASSERT_TRUE(twin.derive(SaslMechanism::ScramSha256, secret, salt, kScramIterationsMin));
  // The first 16 bytes of its client key, which the same derivation finds again.
  const std::string key(reinterpret_cast<const char*>(&twin) + alignof(ScramDigest), 16);
  EXPECT_FALSE(leaves<ScramKeys>(key, [&](void* place) {
    auto* keys = new (place) ScramKeys;
    EXPECT_TRUE(keys->derive(SaslMechanism::ScramSha256, secret, salt, kScramIterationsMin));
    return keys;
  }));
}

TEST(Sasl, Base64IsReadAsItIsWrittenAndNotOtherwise) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(251 - 37 * i);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    std::array<char, base64_size(8)> text;
    const auto encoded = base64_encode(std::span(bytes).first(size), text);
    std::array<std::byte, 8> back;
    ASSERT_EQ(base64_decode(encoded, back), size);
    EXPECT_TRUE(
        std::equal(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(size), bytes.begin()));
    if (size > 0) {
      EXPECT_FALSE(base64_decode(encoded, std::span(back).first(size - 1)));
    }
  }
  std::array<std::byte, 8> back;
  for (const char* text :
       {"A", "AA", "AAA", "A===", "====", "AA=A", "AAA\n", " AAA", "AB==", "AAB="})
    EXPECT_FALSE(base64_decode(text, back)) << text;
}

}  // namespace
}  // namespace spillway
