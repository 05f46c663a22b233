#include "apps/spillway/kafka_settings.h"

#include <algorithm>
#include <array>
#include <vector>

#include "apps/spillway/kafka_values.h"

namespace spillway::cli {
namespace {

constexpr auto kJava = Setting::kJava;
constexpr auto kKafka = Setting::kLibrdkafka;
constexpr auto kBoth = Setting::kBoth;

using O = Options;

// Names as in Java's ProducerConfig 4.1 and librdkafka's CONFIGURATION.md, callbacks and consumer
// settings left out. Honoured first, then what may be said but not changed, then what is refused.
constexpr std::array kTable = std::to_array<Setting>({
    {"bootstrap.servers metadata.broker.list", kBoth, "bootstrap", "--bootstrap", "host:port,…", "",
     values::text<&O::bootstrap>},
    {"client.id", kBoth, "client_id", "", "text", "", values::text<&O::client_id>},
    {"acks request.required.acks", kBoth, "acks", "--acks", "all, -1, 1, 0",
     "without enable.idempotence, 1 and 0 switch idempotence off", values::acks},
    {"enable.idempotence", kBoth, "idempotence", "--acks", "true, false",
     "true unless acks is 1 or 0", values::idempotence},
    {"linger.ms queue.buffering.max.ms", kBoth, "linger", "--linger", "milliseconds", "",
     values::milliseconds<&O::linger>},
    {"batch.size", kBoth, "batch_bytes_max", "", "bytes, 1024 to 64 MiB",
     "the most that a batch has, never reserved in advance",
     values::bytes<&O::batch_bytes_max, 1024>},
    {"buffer.memory", kJava, "memory_max", "--memory", "bytes",
     "everything that is held, not only values: see the memory plan",
     values::bytes<&O::memory_max>},
    {"queue.buffering.max.kbytes", kKafka, "memory_max", "--memory", "KiB",
     "everything that is held, not only values: see the memory plan",
     values::bytes<&O::memory_max, 1, 1024>},
    {"compression.type compression.codec", kBoth, "compression.codec", "--compression",
     "none, gzip, snappy, lz4, zstd", "", values::codec},
    {"compression.level", kKafka, "compression.level", "--compression", "-1 or the codec's",
     "gzip and lz4 1 to 12, zstd 1 to 22", values::level_of_codec},
    {"compression.gzip.level", kJava, "compression.level", "--compression", "-1, 1 to 12",
     "only with compression.type gzip", values::level<Codec::Gzip, 1, 12>},
    {"compression.lz4.level", kJava, "compression.level", "--compression", "-1, 1 to 12",
     "only with compression.type lz4, whose levels end at 12", values::level<Codec::Lz4, 1, 12>},
    {"compression.zstd.level", kJava, "compression.level", "--compression", "-1, 1 to 22",
     "only with compression.type zstd", values::level<Codec::Zstd, 1, 22>},
    {"max.block.ms", kJava, "block_deadline", "--block-deadline", "milliseconds",
     "with --when-full block", values::milliseconds<&O::block_deadline>},
    {"delivery.timeout.ms", kBoth, "delivery_timeout", "--delivery-timeout", "milliseconds",
     "at least linger.ms + request.timeout.ms, as in Java", values::delivery_timeout},
    {"message.timeout.ms", kKafka, "delivery_timeout", "--delivery-timeout", "milliseconds",
     "0: never expires", values::milliseconds<&O::delivery_timeout>},
    {"request.timeout.ms", kBoth, "request_timeout", "", "milliseconds, from 10", "",
     values::milliseconds<&O::request_timeout>},
    {"retry.backoff.ms", kBoth, "retry_backoff", "", "milliseconds, from 1",
     "between attempts, also to connect", values::milliseconds<&O::retry_backoff>},
    {"retry.backoff.max.ms", kBoth, "retry_backoff_max", "", "milliseconds", "",
     values::milliseconds<&O::retry_backoff_max>},
    {"metadata.max.age.ms", kBoth, "metadata_age_max", "", "milliseconds, from 100",
     "in librdkafka the name means three refresh intervals; here Java's meaning counts",
     values::milliseconds<&O::metadata_age_max>},
    {"topic.metadata.refresh.interval.ms", kKafka, "metadata_age_max", "", "milliseconds, from 100",
     "", values::milliseconds<&O::metadata_age_max>},
    {"max.in.flight.requests.per.connection max.in.flight", kBoth, "in_flight_max", "", "1 to 12",
     "at most 5 with idempotence", values::in_flight},
    {"max.request.size", kJava, "record_bytes_max", "", "bytes",
     "the largest record, and no batch is larger; a request may carry several batches",
     values::request_size},
    {"message.max.bytes", kKafka, "record_bytes_max", "", "bytes",
     "the largest record, and no batch is larger; a request may carry several batches",
     values::request_size},
    {"partitioner", kKafka, "key_partitioner", "", "murmur2_random, consistent_random",
     "Java's placement, which is the default, or librdkafka's", values::partitioner},
    {"partitioner.adaptive.partitioning.enable", kJava, "adaptive_partitioning", "", "true, false",
     "", values::flag<&O::adaptive_partitioning>},
    {"retries message.send.max.retries", kBoth, "retries", "", "1000000 and more",
     "attempts are not counted: delivery.timeout.ms ends them", values::retries},
    {"security.protocol", kBoth, "tls, sasl", "", "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
     "PLAINTEXT if it is not given; ssl.* needs SSL, sasl.* needs SASL", values::protocol},
    {"ssl.ca.location", kKafka, "tls.ca", "--tls-ca", "PEM file or directory, probe",
     "probe: the system's authorities, as without the setting", values::authorities},
    {"ssl.truststore.location", kJava, "tls.ca", "--tls-ca", "PEM file",
     "with ssl.truststore.type PEM", values::truststore},
    {"ssl.truststore.type", kJava, "type of ssl.truststore.location", "", "PEM", "",
     values::truststore_type},
    {"ssl.certificate.location", kKafka, "tls.certificate", "--tls-cert", "PEM file", "",
     values::tls_text<&Tls::certificate>},
    {"ssl.key.location", kKafka, "tls.key", "--tls-key", "PEM file", "",
     values::tls_text<&Tls::key>},
    {"ssl.keystore.location", kBoth, "tls.certificate", "--tls-cert", "PEM file",
     "chain and key in one file, with ssl.keystore.type PEM; PKCS#12, as librdkafka has it, is not "
     "read",
     values::keystore},
    {"ssl.keystore.type", kJava, "type of ssl.keystore.location", "", "PEM", "",
     values::keystore_type},
    {"ssl.key.password", kBoth, "tls.key_password", "--tls-key-password-file", "text",
     "of an encrypted PEM key", values::tls_text<&Tls::key_password>, true},
    {"ssl.endpoint.identification.algorithm", kBoth, "tls.verify_host", "--tls-insecure-no-verify",
     "https, none", "https if it is not given", values::host_check},
    {"enable.ssl.certificate.verification", kKafka, "tls.verify_peer", "--tls-insecure-no-verify",
     "true, false", "false also ends the check of the host name", values::peer_check},
    {"ssl.enabled.protocols", kJava, "tls.version_min", "", "TLSv1.3 or TLSv1.2,TLSv1.3", "",
     values::tls_versions},
    {"ssl.cipher.suites", kBoth, "tls.ciphers, tls.cipher_suites", "", "list",
     "OpenSSL's names; TLS_AES_… and TLS_CHACHA20_… are those of TLS 1.3", values::ciphers},
    {"sasl.mechanism sasl.mechanisms", kBoth, "sasl.mechanism", "--sasl-mechanism",
     "PLAIN, SCRAM-SHA-256, "
     "SCRAM-SHA-512, OAUTHBEARER",
     "has no default, GSSAPI is not built in; OAUTHBEARER needs --sasl-token-file",
     values::mechanism},
    {"sasl.username", kKafka, "sasl.username", "--sasl-username", "text", "",
     values::sasl_text<&Sasl::username>},
    {"sasl.password", kKafka, "sasl.password", "--sasl-password-file", "text",
     "better in a file than after -X, where other users of the machine see it",
     values::sasl_text<&Sasl::password>, true},
    {"sasl.jaas.config", kJava, "sasl.username and sasl.password", "--sasl-username",
     "Plain- or ScramLoginModule", "username and password are taken; other options are refused",
     values::jaas, true},

    {"key.serializer value.serializer", kJava, "", "",
     "org.apache.kafka.common.serialization.StringSerializer|org.apache.kafka.common."
     "serialization.ByteArraySerializer",
     "bytes are sent as they are", nullptr},
    {"client.dns.lookup", kBoth, "", "", "use_all_dns_ips", "every address of a name is tried",
     nullptr},
    {"receive.buffer.bytes send.buffer.bytes", kJava, "", "", "-1",
     "the system sizes the buffers of sockets", nullptr},
    {"socket.send.buffer.bytes socket.receive.buffer.bytes", kKafka, "", "", "0",
     "the system sizes the buffers of sockets", nullptr},
    {"socket.keepalive.enable socket.nagle.disable", kKafka, "", "", "true",
     "keep-alives are on and Nagle's delay is off", nullptr},
    {"socket.connection.setup.timeout.ms", kBoth, "", "", "10000", "connecting gets 10 s", nullptr},
    {"socket.max.fails", kKafka, "", "", "1",
     "after a request that timed out a connection is not used again", nullptr},
    {"broker.address.family", kKafka, "", "", "any", "IPv4 and IPv6 addresses are tried", nullptr},
    {"api.version.request", kKafka, "", "", "true", "brokers are always asked what they speak",
     nullptr},
    {"allow.auto.create.topics", kKafka, "", "", "false", "topics must exist", nullptr},
    {"topic.metadata.refresh.sparse", kKafka, "", "", "true", "only topics in use are asked for",
     nullptr},
    {"metadata.recovery.strategy", kBoth, "", "", "rebootstrap|REBOOTSTRAP",
     "the bootstrap addresses are kept and asked again", nullptr},
    {"partitioner.class interceptor.classes", kJava, "", "", "",
     "a class of Java cannot run here; the default is what happens without the setting", nullptr},
    {"partitioner.ignore.keys", kJava, "", "", "false", "records with keys go where keys say",
     nullptr},
    {"partitioner.availability.timeout.ms", kJava, "", "", "0",
     "slow partitions get less by partitioner.adaptive.partitioning.enable, none is left out",
     nullptr},
    {"ssl.protocol", kJava, "", "", "TLSv1.3", "ssl.enabled.protocols says which versions",
     nullptr},
    {"ssl.keymanager.algorithm", kJava, "", "", "SunX509", "OpenSSL has one way", nullptr},
    {"ssl.trustmanager.algorithm", kJava, "", "", "PKIX", "OpenSSL has one way", nullptr},
    {"enable.metrics.push", kBoth, "", "", "false", "client telemetry (KIP-714) is not sent",
     nullptr},
    {"transaction.two.phase.commit.enable", kJava, "", "", "false",
     "the command line sends no transactions; the library does", nullptr},
    {"enable.gapless.guarantee", kKafka, "", "", "false",
     "a record that failed does not stop the ones behind it", nullptr},
    {"queue.buffering.max.messages", kKafka, "", "", "0",
     "bytes are the limit: queue.buffering.max.kbytes", nullptr},
    {"queuing.strategy", kKafka, "", "", "fifo", "first in, first out", nullptr},
    {"produce.offset.report delivery.report.only.error", kKafka, "", "", "*",
     "about callbacks, which the command line has none of", nullptr},
    {"log.connection.close log.queue log.thread.name log_level enable.random.seed", kKafka, "", "",
     "*", "about librdkafka's own log and random numbers, which do not exist here", nullptr},

    {"transactional.id transaction.timeout.ms", kBoth, "", "", "",
     "the command line sends no transactions; the library does", nullptr},
    {"socket.timeout.ms api.version.request.timeout.ms", kKafka, "", "", "",
     "one timeout serves every request: request.timeout.ms", nullptr},
    {"api.version.fallback.ms broker.version.fallback", kKafka, "", "", "",
     "brokers are always asked what they speak", nullptr},
    {"socket.connection.setup.timeout.max.ms", kJava, "", "", "10000",
     "connecting gets 10 s each time; the pause between attempts grows", nullptr},
    {"reconnect.backoff.ms reconnect.backoff.max.ms", kBoth, "", "", "",
     "retry.backoff.ms and retry.backoff.max.ms serve reconnecting too", nullptr},
    {"connections.max.idle.ms", kBoth, "", "", "",
     "idle connections are kept until the broker closes them, then opened again", nullptr},
    {"metadata.max.idle.ms", kJava, "", "", "", "topics in use are never forgotten", nullptr},
    {"metadata.recovery.rebootstrap.trigger.ms", kBoth, "", "", "",
     "the bootstrap addresses are asked as soon as no known broker answers", nullptr},
    {"topic.metadata.refresh.fast.interval.ms topic.metadata.propagation.max.ms", kKafka, "", "",
     "", "retry.backoff.ms is the pause, --delivery-timeout the end", nullptr},
    {"batch.num.messages message.copy.max.bytes receive.message.max.bytes "
     "queue.buffering.backpressure.threshold",
     kKafka, "", "", "", "bytes are the limit: batch.size and queue.buffering.max.kbytes", nullptr},
    {"sticky.partitioning.linger.ms", kKafka, "", "", "",
     "records without a key change partition by bytes (KIP-794), not by time", nullptr},
    {"topic.blacklist", kKafka, "", "", "", "only the topic that was named is asked for", nullptr},
    {"metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms", kJava,
     "", "", "", "metrics of Java's client do not exist here: --ledger and --progress report",
     nullptr},
    {"statistics.interval.ms debug enabled_events", kKafka, "", "", "",
     "librdkafka's reports do not exist here: --ledger and --progress report", nullptr},
    {"client.rack", kKafka, "", "", "",
     "the library chooses partitions by rack, the command line does not", nullptr},
    {"builtin.features plugin.library.paths interceptors internal.termination.signal "
     "socket.blocking.max.ms "
     "broker.address.ttl reconnect.backoff.jitter.ms topic.metadata.refresh.fast.cnt",
     kKafka, "", "", "", "about the inside of librdkafka", nullptr},
    {"ssl.truststore.certificates ssl.keystore.certificate.chain ssl.keystore.key", kJava, "", "",
     "", "certificates and keys are read from files, so that they can be rotated", nullptr, true},
    {"ssl.ca.pem ssl.certificate.pem ssl.key.pem", kKafka, "", "", "",
     "certificates and keys are read from files, so that they can be rotated", nullptr, true},
    {"ssl.truststore.password ssl.keystore.password", kBoth, "", "", "",
     "PEM files have none; ssl.key.password opens an encrypted key", nullptr, true},
    {"ssl.engine.factory.class ssl.provider ssl.secure.random.implementation security.providers",
     kJava, "", "", "", "OpenSSL is what does TLS here", nullptr},
    {"ssl.providers ssl.engine.location ssl.engine.id ssl.curves.list ssl.sigalgs.list "
     "ssl.crl.location ssl.ca.certificate.stores https.ca.location https.ca.pem",
     kKafka, "", "", "", "OpenSSL's own configuration file says this", nullptr, true},
    {"sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class", kJava,
     "", "", "", "a class of Java cannot run here", nullptr},
    {"sasl.kerberos.service.name sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin",
     kBoth, "", "", "", "Kerberos' own configuration and ticket cache say this", nullptr},
    {"sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor", kJava, "", "",
     "", "Kerberos' own configuration and ticket cache say this", nullptr},
    {"sasl.kerberos.principal sasl.kerberos.keytab", kKafka, "", "", "",
     "Kerberos' own configuration and ticket cache say this", nullptr},
    {"sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds "
     "sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor "
     "sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms "
     "sasl.login.retry.backoff.ms sasl.oauthbearer.assertion.template.file "
     "sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience "
     "sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode "
     "sasl.oauthbearer.jwks.endpoint.refresh.ms "
     "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms "
     "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url "
     "sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class "
     "sasl.oauthbearer.scope.claim.name",
     kJava, "", "", "", "a token is read from a file: --sasl-token-file", nullptr, true},
    {"sasl.oauthbearer.scope sasl.oauthbearer.token.endpoint.url sasl.oauthbearer.sub.claim.name "
     "sasl.oauthbearer.client.credentials.client.id "
     "sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.assertion.algorithm "
     "sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds "
     "sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include "
     "sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub "
     "sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file "
     "sasl.oauthbearer.assertion.private.key.passphrase",
     kBoth, "", "", "", "a token is read from a file: --sasl-token-file", nullptr, true},
    {"sasl.oauthbearer.config sasl.oauthbearer.method sasl.oauthbearer.client.id "
     "sasl.oauthbearer.client.secret sasl.oauthbearer.extensions sasl.oauthbearer.grant.type "
     "sasl.oauthbearer.assertion.private.key.pem sasl.oauthbearer.assertion.jwt.template.file "
     "sasl.oauthbearer.metadata.authentication.type enable.sasl.oauthbearer.unsecure.jwt",
     kKafka, "", "", "", "a token is read from a file: --sasl-token-file", nullptr, true},
});

// How many letters must be changed, added or left out.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Setting> kafka_settings() {
  return kTable;
}

std::string_view take_name(std::string_view& names) {
  const auto end = std::min(names.find(' '), names.size());
  const std::string_view name = names.substr(0, end);
  names.remove_prefix(std::min(end + 1, names.size()));
  return name;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : kTable) {
    std::string_view names = setting.names;
    while (!names.empty()) {
      if (take_name(names) == name) return &setting;
    }
  }
  return nullptr;
}

std::string_view nearest_setting(std::string_view name) {
  std::string_view nearest;
  std::size_t best = name.size() / 3 + 1;
  for (const Setting& setting : kTable) {
    std::string_view names = setting.names;
    while (!names.empty()) {
      const std::string_view known = take_name(names);
      const std::size_t far = distance(name, known);
      if (far >= best) continue;
      best = far;
      nearest = known;
    }
  }
  return nearest;
}

}  // namespace spillway::cli
