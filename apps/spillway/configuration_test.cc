#include "apps/spillway/configuration.h"

#include <gtest/gtest.h>

#include <set>

#include "apps/spillway/kafka_settings.h"

namespace spillway::cli {
namespace {

using std::chrono::milliseconds;

// What -X settings make of the defaults; the problem if there is one. Flags in `flags` were given.
struct Applied {
  Options options;
  std::string problem;
};

Applied apply(const std::vector<std::string>& assignments,
              const std::set<std::string>& flags = {}) {
  Applied applied;
  Configuration configuration;
  for (const std::string& each : assignments) {
    if (auto problem = configuration.add_assignment(each)) {
      applied.problem = *problem;
      return applied;
    }
  }
  const auto given = [&flags](std::string_view flag) { return flags.contains(std::string(flag)); };
  applied.problem = configuration.apply(applied.options, given).value_or("");
  return applied;
}

TEST(Configuration, SetsByJavasNames) {
  const auto [options, problem] = apply(
      {"bootstrap.servers=h:1,i:2", "client.id=me", "acks=all", "linger.ms=7", "batch.size=16384",
       "buffer.memory=33554432", "compression.type=zstd", "compression.zstd.level=9",
       "max.block.ms=1000", "delivery.timeout.ms=90000", "request.timeout.ms=20000",
       "retry.backoff.ms=50", "retry.backoff.max.ms=500", "metadata.max.age.ms=60000",
       "max.in.flight.requests.per.connection=3", "enable.idempotence=true",
       "partitioner.adaptive.partitioning.enable=false", "max.request.size=500000"});
  ASSERT_EQ(problem, "");
  EXPECT_EQ(options.bootstrap, "h:1,i:2");
  EXPECT_EQ(options.client_id, "me");
  EXPECT_EQ(options.linger, milliseconds(7));
  EXPECT_EQ(options.batch_bytes_max, 16384U);
  EXPECT_EQ(options.memory_max, 33554432U);
  EXPECT_EQ(options.compression, (Compression{Codec::Zstd, 9}));
  EXPECT_EQ(options.block_deadline, milliseconds(1000));
  EXPECT_EQ(options.delivery_timeout, milliseconds(90000));
  EXPECT_EQ(options.request_timeout, milliseconds(20000));
  EXPECT_EQ(options.retry_backoff, milliseconds(50));
  EXPECT_EQ(options.retry_backoff_max, milliseconds(500));
  EXPECT_EQ(options.metadata_age_max, milliseconds(60000));
  EXPECT_EQ(options.in_flight_max, 3);
  EXPECT_FALSE(options.adaptive_partitioning);
  EXPECT_EQ(options.record_bytes_max, 500000U);
}

TEST(Configuration, SetsByLibrdkafkasNames) {
  const auto [options, problem] =
      apply({"metadata.broker.list=h:1", "request.required.acks=-1", "queue.buffering.max.ms=9",
             "queue.buffering.max.kbytes=65536", "compression.codec=lz4", "compression.level=5",
             "message.timeout.ms=0", "topic.metadata.refresh.interval.ms=1000", "max.in.flight=5",
             "partitioner=consistent_random", "message.max.bytes=2000000"});
  ASSERT_EQ(problem, "");
  EXPECT_EQ(options.bootstrap, "h:1");
  EXPECT_EQ(options.linger, milliseconds(9));
  EXPECT_EQ(options.memory_max, std::size_t{64} << 20);
  EXPECT_EQ(options.compression, (Compression{Codec::Lz4, 5}));
  EXPECT_EQ(options.delivery_timeout, milliseconds(0));
  EXPECT_EQ(options.metadata_age_max, milliseconds(1000));
  EXPECT_EQ(options.key_partitioner, KeyPartitioner::Crc32);
  EXPECT_EQ(options.record_bytes_max, 2000000U);
  EXPECT_EQ(options.batch_bytes_max, Options{}.batch_bytes_max);
}

TEST(Configuration, FewerAcksSwitchIdempotenceOffUnlessItWasAskedFor) {
  EXPECT_FALSE(apply({"acks=1"}).options.idempotence);
  EXPECT_EQ(apply({"acks=0"}).options.acks, Acks::None);
  EXPECT_TRUE(apply({"acks=all"}).options.idempotence);
  EXPECT_FALSE(apply({"enable.idempotence=false"}).options.idempotence);
}

TEST(Configuration, NoBatchIsLargerThanARequestMayBe) {
  EXPECT_EQ(apply({"max.request.size=5000"}).options.batch_bytes_max, 5000U);
  EXPECT_EQ(apply({"max.request.size=100"}).options.batch_bytes_max, 1024U);
}

TEST(Configuration, FlagsWinButWhatTheyOverruleMustBeRight) {
  EXPECT_EQ(apply({"linger.ms=50"}, {"--linger"}).options.linger, Options{}.linger);
  EXPECT_NE(apply({"linger.ms=x"}, {"--linger"}).problem, "");
}

TEST(Configuration, SetsTlsAndSasl) {
  const std::string login =
      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
      "username=\"u\" password=\"p\";";
  const auto [options, problem] = apply(
      {"security.protocol=sasl_ssl", "ssl.truststore.type=PEM", "ssl.truststore.location=/ca.pem",
       "ssl.keystore.type=pem", "ssl.keystore.location=/me.pem", "ssl.key.password=k",
       "sasl.mechanism=SCRAM-SHA-512", login, "ssl.enabled.protocols=TLSv1.3",
       "ssl.cipher.suites=TLS_AES_128_GCM_SHA256", "ssl.endpoint.identification.algorithm="});
  ASSERT_EQ(problem, "");
  ASSERT_TRUE(options.tls && options.sasl);
  EXPECT_EQ(options.tls->ca, "/ca.pem");
  EXPECT_EQ(options.tls->certificate, "/me.pem");
  EXPECT_EQ(options.tls->key, "/me.pem");
  EXPECT_EQ(options.tls->key_password, "k");
  EXPECT_EQ(options.tls->version_min, TlsVersion::V1_3);
  EXPECT_EQ(options.tls->cipher_suites, "TLS_AES_128_GCM_SHA256");
  EXPECT_TRUE(options.tls->verify_peer);
  EXPECT_FALSE(options.tls->verify_host);
  EXPECT_EQ(options.sasl->mechanism, SaslMechanism::ScramSha512);
  EXPECT_EQ(options.sasl->username, "u");
  EXPECT_EQ(options.sasl->password, "p");
}

TEST(Configuration, SslAloneVerifiesAgainstTheSystemsAuthorities) {
  const auto [options, problem] = apply({"security.protocol=SSL", "ssl.ca.location=probe"});
  ASSERT_EQ(problem, "");
  ASSERT_TRUE(options.tls);
  EXPECT_TRUE(options.tls->verify_peer && options.tls->verify_host && options.tls->ca.empty());
  EXPECT_FALSE(options.sasl);
}

TEST(Configuration, WhatFlagsSayOfTlsAndSaslStays) {
  Options options;
  options.tls = Tls{};
  options.tls->ca = "/flag.pem";
  options.sasl = Sasl{};
  options.sasl->password = "flag";
  options.sasl->mechanism = SaslMechanism::Plain;
  Configuration configuration;
  for (const char* each :
       {"ssl.ca.location=/file.pem", "ssl.endpoint.identification.algorithm=none",
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        "username=u password=file;"}) {
    ASSERT_FALSE(configuration.add_assignment(each));
  }
  const std::set<std::string> flags{"--tls", "--tls-ca", "--sasl-mechanism",
                                    "--sasl-password-file"};
  const auto problem = configuration.apply(
      options, [&flags](std::string_view flag) { return flags.contains(std::string(flag)); });
  ASSERT_EQ(problem.value_or(""), "");
  EXPECT_EQ(options.tls->ca, "/flag.pem");
  EXPECT_FALSE(options.tls->verify_host);
  EXPECT_EQ(options.sasl->username, "u");
  EXPECT_EQ(options.sasl->password, "flag");
}

struct Wrong {
  std::vector<std::string> assignments;
  std::string mentions;
};

TEST(Configuration, ContradictionsAreProblems) {
  const std::vector<Wrong> rows = {
      {{"enable.idempotence=true", "acks=1"}, "enable.idempotence"},
      {{"max.in.flight=6"}, "5 batches"},
      {{"delivery.timeout.ms=30000"}, "linger.ms + request.timeout.ms"},
      {{"linger.ms=1", "queue.buffering.max.ms=2"}, "keep one"},
      {{"linger.ms=1", "linger.ms=2"}, "keep one"},
      {{"buffer.memory=64000000", "queue.buffering.max.kbytes=64000"}, "keep one"},
      {{"compression.type=gzip", "compression.zstd.level=3"}, "another codec"},
      {{"compression.level=3"}, "no compression.type"},
      {{"ssl.ca.location=/ca.pem"}, "security.protocol"},
      {{"security.protocol=PLAINTEXT", "ssl.key.password=x"}, "security.protocol"},
      {{"security.protocol=SASL_SSL", "sasl.username=u"}, "sasl.mechanism"},
      {{"security.protocol=SSL", "sasl.mechanism=PLAIN"}, "SASL_SSL"},
      {{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"}, "sasl.username"},
      {{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN",
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
        "username=u password=p;"},
       "does not fit"},
      {{"security.protocol=SSL", "ssl.truststore.location=/t.jks"}, "PEM"},
      {{"security.protocol=SSL", "ssl.keystore.location=/t.jks"}, "PEM"},
      {{"security.protocol=SSL", "ssl.certificate.location=/c.pem"}, "both"},
      {{"ssl.ca.location=/a", "ssl.truststore.location=/b"}, "keep one"},
  };
  for (const Wrong& row : rows) {
    const std::string problem = apply(row.assignments).problem;
    EXPECT_NE(problem.find(row.mentions), std::string::npos)
        << row.assignments[0] << ": " << problem;
  }
}

TEST(Configuration, AgreeingRepetitionsAreNone) {
  EXPECT_EQ(apply({"linger.ms=1", "queue.buffering.max.ms=1", "linger.ms=1"}).problem, "");
}

TEST(Configuration, BadValuesAreNamedWithWhatIsExpected) {
  const std::vector<Wrong> rows = {
      {{"linger.ms=5ms"}, "'5ms' is not a whole number of milliseconds"},
      {{"acks=2"}, "all, -1, 1, 0"},
      {{"compression.type=brotli"}, "snappy"},
      {{"enable.idempotence=yes"}, "neither true nor false"},
      {{"batch.size=0"}, "1024"},
      {{"security.protocol=TLS"}, "SASL_SSL"},
      {{"sasl.mechanism=OAUTHBEARER"}, "token"},
      {{"partitioner=murmur2"}, "murmur2_random"},
      {{"retries=3"}, "delivery timeout"},
      {{"ssl.enabled.protocols=TLSv1.2"}, "TLSv1.3"},
      {{"ssl.cipher.suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, "OpenSSL"},
      {{"ssl.truststore.type=JKS"}, "PEM"},
      {{"compression.lz4.level=17"}, "12"},
      {{"=x"}, "NAME=VALUE"},
      {{"linger.ms"}, "NAME=VALUE"},
  };
  for (const Wrong& row : rows) {
    const std::string problem = apply(row.assignments).problem;
    EXPECT_NE(problem.find(row.mentions), std::string::npos)
        << row.assignments[0] << ": " << problem;
  }
}

TEST(Configuration, UnknownNamesAreProblemsWithTheNearestName) {
  EXPECT_NE(apply({"linger.mss=5"}).problem.find("linger.ms?"), std::string::npos);
  EXPECT_NE(apply({"sasl.mechansim=PLAIN"}).problem.find("sasl.mechanism?"), std::string::npos);
  EXPECT_EQ(apply({"zzz=5"}).problem.find("did you mean"), std::string::npos);
}

TEST(Configuration, WhatCannotBeHonouredIsTakenOnlyAsItIs) {
  EXPECT_EQ(apply({"client.dns.lookup=use_all_dns_ips"}).problem, "");
  EXPECT_NE(apply({"client.dns.lookup=other"}).problem.find("cannot be honoured"),
            std::string::npos);
  EXPECT_NE(apply({"transactional.id=t"}).problem.find("transactions"), std::string::npos);
  EXPECT_EQ(apply({"retries=2147483647"}).problem, "");
}

TEST(Configuration, SecretsAppearInNoProblem) {
  const std::string secret = "hunter2hunter2";
  const std::vector<std::vector<std::string>> rows = {
      {"sasl.jaas.config=" + secret},
      {"sasl.password=" + secret},
      {"ssl.key.password=" + secret},
      {"ssl.keystore.password=" + secret},
      {"ssl.key.pem=" + secret},
      {"sasl.oauthbearer.client.secret=" + secret},
      {"sasl.password=" + secret, "sasl.password=" + secret + "2"},
      {secret},
      {"linger.ms=-----BEGIN\n" + secret}};
  for (const auto& row : rows) {
    const std::string problem = apply(row).problem;
    EXPECT_NE(problem, "") << row[0];
    EXPECT_EQ(problem.find(secret), std::string::npos) << problem;
  }
}

TEST(KafkaSettings, EveryNameStandsOnceAndEveryRefusalHasAReason) {
  std::set<std::string_view> seen;
  for (const Setting& setting : kafka_settings()) {
    std::string_view names = setting.names;
    while (!names.empty()) {
      const std::string_view name = take_name(names);
      EXPECT_TRUE(seen.insert(name).second) << name;
      EXPECT_EQ(find_setting(name), &setting);
    }
    EXPECT_TRUE(setting.honoured() || !setting.note.empty()) << setting.names;
    EXPECT_EQ(setting.honoured(), !setting.option.empty()) << setting.names;
  }
}

}  // namespace
}  // namespace spillway::cli
