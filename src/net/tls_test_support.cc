#include "net/tls_test_support.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/check.h"

namespace spillway {
namespace {

class AtWork {
 public:
  AtWork() { peer_at_work = true; }
  ~AtWork() { peer_at_work = false; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

constexpr const char* kCheck = "OpenSSL makes what a test asks for";

template <typename Write>
std::string pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  SPILL_CHECK(write(bio) == 1, kCheck);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  return pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

EVP_PKEY* new_key() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  SPILL_CHECK(key != nullptr, kCheck);
  return key;
}

template <typename Object, typename Read>
Object* from_pem(const std::string& text, Read read) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  Object* object = read(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  SPILL_CHECK(object != nullptr, kCheck);
  return object;
}

X509* new_certificate(const std::string& name, EVP_PKEY* key, long from_s, long until_s) {
  X509* certificate = X509_new();
  std::int64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 7);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial);
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  SPILL_CHECK(extension != nullptr, kCheck);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

bool peer_at_work = false;

Folder::Folder() {
  std::string name = std::filesystem::temp_directory_path() / "spillway-tls.XXXXXX";
  SPILL_CHECK(::mkdtemp(name.data()) != nullptr, "a test may make a folder");
  path_ = name;
}

Folder::~Folder() {
  std::filesystem::remove_all(path_);
}

void Folder::write(const std::string& name, const std::string& text) const {
  const std::string part = path(name + ".part");
  std::ofstream(part) << text;
  std::filesystem::rename(part, path(name));
}

Authority::Authority(const std::string& name)
    : key_(new_key()), certificate_(new_certificate(name, key_, -86'400, 864'000)) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  add_extension(certificate_, NID_basic_constraints, "critical,CA:TRUE");
  SPILL_CHECK(X509_sign(certificate_, key_, EVP_sha256()) > 0, kCheck);
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string Authority::certificate() const {
  return pem_of(certificate_);
}

Identity Authority::issue(const CertificateSpec& spec) const {
  EVP_PKEY* key = new_key();
  X509* certificate = new_certificate(spec.common_name, key, spec.valid_from_s, spec.valid_until_s);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  if (!spec.names.empty()) add_extension(certificate, NID_subject_alt_name, spec.names);
  SPILL_CHECK(X509_sign(certificate, key_, EVP_sha256()) > 0, kCheck);
  Identity identity{pem_of(certificate), pem([&](BIO* bio) {
                      return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr,
                                                      nullptr);
                    })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

std::string encrypted_key(const std::string& key, const std::string& password) {
  EVP_PKEY* plain = from_pem<EVP_PKEY>(key, PEM_read_bio_PrivateKey);
  std::string text = pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, plain, EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
  EVP_PKEY_free(plain);
  return text;
}

std::shared_ptr<SSL_CTX> listener_context(const PeerSettings& settings) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), settings.version_min);
  SSL_CTX_set_max_proto_version(context.get(), settings.version_max);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("peer"), 4);
  X509* certificate = from_pem<X509>(settings.identity.certificate, PEM_read_bio_X509);
  EVP_PKEY* key = from_pem<EVP_PKEY>(settings.identity.key, PEM_read_bio_PrivateKey);
  SPILL_CHECK(SSL_CTX_use_certificate(context.get(), certificate) == 1, kCheck);
  SPILL_CHECK(SSL_CTX_use_PrivateKey(context.get(), key) == 1, kCheck);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!settings.client_ca.empty()) {
    X509* authority = from_pem<X509>(settings.client_ca, PEM_read_bio_X509);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority);
    SSL_CTX_add_client_CA(context.get(), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

TlsPeer::TlsPeer(const std::shared_ptr<SSL_CTX>& context) : context_(context) {
  const AtWork now;
  ssl_ = SSL_new(context.get());
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_mode(ssl_, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_accept_state(ssl_);
}

TlsPeer::~TlsPeer() {
  if (accepted) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

void TlsPeer::feed(const std::string& bytes) {
  const AtWork now;
  BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
  work();
}

void TlsPeer::send(const std::string& data) {
  const AtWork now;
  to_send_ += data;
  work();
}

void TlsPeer::end() {
  const AtWork now;
  SSL_shutdown(ssl_);
  work();
}

void TlsPeer::work() {
  ERR_clear_error();
  if (!accepted && !failed) {
    const int result = SSL_accept(ssl_);
    accepted = result == 1;
    const int error = SSL_get_error(ssl_, result);
    failed = !accepted && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
  }
  char data[4096];
  for (int got = 1; accepted && (got = SSL_read(ssl_, data, sizeof data)) > 0;)
    received.append(data, static_cast<std::size_t>(got));
  goodbye = goodbye || (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  if (accepted && !to_send_.empty()) {
    SPILL_CHECK(SSL_write(ssl_, to_send_.data(), static_cast<int>(to_send_.size())) > 0, kCheck);
    to_send_.clear();
  }
  for (int got = 0; (got = BIO_read(SSL_get_wbio(ssl_), data, sizeof data)) > 0;)
    to_client.append(data, static_cast<std::size_t>(got));
  ERR_clear_error();
}

ConnectionId FakeInner::connect(const Endpoint& /*endpoint*/) {
  links[next_].peer = peer_of();
  return ConnectionId{next_++};
}

std::size_t FakeInner::write(ConnectionId id, std::span<const iovec> pieces) {
  const auto found = links.find(static_cast<std::uint64_t>(id));
  if (found == links.end()) return 0;
  Link& link = found->second;
  if (!link.connected || link.ended || link.blocked) return 0;
  std::string bytes;
  for (const iovec& piece : pieces)
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  link.blocked = bytes.size() > write_max;
  bytes.resize(std::min(bytes.size(), write_max));
  link.outbox += bytes;
  return bytes.size();
}

void FakeInner::pump(Link& link) {
  if (link.peer == nullptr) return;
  if (link.fed < link.outbox.size()) link.peer->feed(link.outbox.substr(link.fed));
  link.fed = link.outbox.size();
  link.inbox += std::exchange(link.peer->to_client, {});
}

std::size_t FakeInner::read(ConnectionId id, std::span<std::byte> into) {
  const auto found = links.find(static_cast<std::uint64_t>(id));
  if (found == links.end()) return 0;
  Link& link = found->second;
  const std::size_t size = std::min({link.inbox.size() - link.taken, into.size(), read_max});
  std::memcpy(into.data(), link.inbox.data() + link.taken, size);
  link.taken += size;
  if (!link.waits()) {
    link.inbox.clear();
    link.taken = 0;
  }
  return size;
}

void FakeInner::close(ConnectionId id) {
  const auto found = links.find(static_cast<std::uint64_t>(id));
  if (found == links.end()) return;
  pump(found->second);
  on_close(found->second);
  links.erase(found);
  ++closes;
}

bool FakeInner::deliver(std::uint64_t key, TransportEvents& events) {
  const ConnectionId id{key};
  Link& link = links.at(key);
  if (!link.connected) {
    link.connected = true;
    events.on_connected(id);
    return true;
  }
  pump(link);
  if (link.waits()) {
    events.on_readable(id);
    if (!links.contains(key) || link.waits() || !link.ended) return true;
  }
  if (link.ended) {
    links.erase(key);
    events.on_closed(id, CloseCause::PeerClosed, "closed, says the inner transport");
    return true;
  }
  if (!link.blocked) return false;
  link.blocked = false;
  events.on_writable(id);
  return true;
}

void FakeInner::poll(MonoTime deadline, TransportEvents& events) {
  std::vector<std::uint64_t> keys;
  keys.reserve(links.size());
  for (const auto& [key, link] : links) keys.push_back(key);
  bool some = false;
  for (const std::uint64_t key : keys) {
    if (links.contains(key)) some = deliver(key, events) || some;
  }
  if (!some && deadline != kNever) time = std::max(time, deadline);
}

}  // namespace spillway
