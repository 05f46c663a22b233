// Settings that cannot work are refused before anything is connected.
#include "net/tls_client_test_support.h"

namespace spillway {
namespace {

class TlsSettings : public ::testing::Test {
 protected:
  TlsSettings() {
    folder_.write("ca.pem", authority().certificate());
    const Identity mine = authority().issue({});
    folder_.write("mine.pem", mine.certificate);
    folder_.write("mine.key", mine.key);
    folder_.write("both.pem", mine.key + mine.certificate);  // as Kafka's PEM keystores
    folder_.write("locked.key", encrypted_key(mine.key, "secret"));
    folder_.write("other.key", authority().issue({}).key);
    folder_.write("garbage", "no PEM");
    std::filesystem::create_directory(folder_.path("folder"));
  }
  [[nodiscard]] std::string refusal(const Tls& tls) const {
    const auto opened = TlsContext::open(tls);
    if (opened) return "";
    EXPECT_EQ(opened.error().code(), ErrorCode::InvalidArgument);
    return opened.error().message();
  }
  Folder folder_;
};

TEST_F(TlsSettings, WhatCannotBeUsedIsRefusedWithTheFileAndTheReason) {
  const std::string pem = folder_.path("mine.pem");
  const std::string key = folder_.path("mine.key");
  const std::string locked = folder_.path("locked.key");
  const std::string other = folder_.path("other.key");
  const std::string garbage = folder_.path("garbage");
  struct Row {
    Tls tls;
    std::vector<std::string> words;
  };
  const Row rows[] = {
      {{.ca = "/no/such/ca.pem"}, {"tls.ca", "/no/such/ca.pem", "No such file"}},
      {{.ca = garbage}, {"tls.ca", garbage, "no certificate in PEM form"}},
      {{.ca = folder_.path("folder")}, {"tls.ca", "no hashed names", "openssl rehash"}},
      {{.certificate = pem}, {"tls.certificate is given without tls.key"}},
      {{.key = key}, {"tls.key is given without tls.certificate"}},
      {{.certificate = "/no/cert", .key = key}, {"tls.certificate", "/no/cert", "No such file"}},
      {{.certificate = garbage, .key = key}, {"tls.certificate", garbage, "no start line"}},
      {{.certificate = pem, .key = "/no/key"}, {"tls.key", "/no/key", "No such file"}},
      {{.certificate = pem, .key = folder_.path("folder")}, {"tls.key", "directory"}},
      {{.certificate = pem, .key = garbage}, {"tls.key", garbage}},
      {{.certificate = pem, .key = other}, {"tls.key", other, pem, "mismatch"}},
      {{.certificate = pem, .key = locked}, {"tls.key", locked, "is encrypted", "key_password"}},
      {{.certificate = pem, .key = locked, .key_password = "wrong"},
       {"tls.key", locked, "does not decrypt"}},
      {{.ciphers = "NOT-A-CIPHER"}, {"tls.ciphers", "NOT-A-CIPHER"}},
      {{.cipher_suites = "TLS_NOT_ONE"}, {"tls.cipher_suites", "TLS_NOT_ONE"}},
      {{.verify_peer = false}, {"tls.verify_host needs tls.verify_peer"}},
  };
  for (const Row& row : rows) {
    const std::string said = refusal(row.tls);
    for (const std::string& word : row.words)
      EXPECT_NE(said.find(word), std::string::npos) << "'" << said << "' lacks '" << word << "'";
    EXPECT_EQ(said.find("wrong"), std::string::npos) << "a secret was said: " << said;
  }
}

TEST_F(TlsSettings, WhatIsSoundIsTaken) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({.certificate = folder_.path("both.pem"), .key = folder_.path("both.pem")}),
            "");
  EXPECT_EQ(refusal({.ca = folder_.path("ca.pem"),
                     .certificate = folder_.path("mine.pem"),
                     .key = folder_.path("locked.key"),
                     .key_password = "secret"}),
            "");
}

}  // namespace
}  // namespace spillway
