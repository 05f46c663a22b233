#include "cluster/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace spillway {
namespace {

const EVP_MD* hash_of(SaslMechanism mechanism) noexcept {
  return mechanism == SaslMechanism::ScramSha512 ? EVP_sha512() : EVP_sha256();
}

const unsigned char* raw(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes);
}

bool hmac(const EVP_MD* hash, std::span<const std::byte> key, std::string_view text,
          ScramDigest& out) noexcept {
  unsigned int size = 0;
  if (HMAC(hash, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), raw(out.memory.data()),
           &size) == nullptr)
    return false;
  out.size = size;
  return true;
}

bool digest(const EVP_MD* hash, std::span<const std::byte> bytes, ScramDigest& out) noexcept {
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), raw(out.memory.data()), &size, hash, nullptr) != 1)
    return false;
  out.size = size;
  return true;
}

void mix(ScramDigest& into, const ScramDigest& other) noexcept {
  for (std::size_t i = 0; i < into.size; ++i) into.memory[i] ^= other.memory[i];
}

}  // namespace

bool same_secret(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool ScramKeys::derive(SaslMechanism mechanism, std::string_view password,
                       std::span<const std::byte> salt, std::uint32_t iterations) noexcept {
  if (salt.size() > salt_.size()) return false;
  if (iterations == iterations_ && mechanism == mechanism_ &&
      std::ranges::equal(salt, std::span(salt_).first(salt_size_)))
    return true;
  forget();
  const EVP_MD* hash = hash_of(mechanism);
  ScramDigest salted;
  salted.size = static_cast<std::size_t>(EVP_MD_get_size(hash));
  const bool done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt.data()),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), hash,
                        static_cast<int>(salted.size), raw(salted.memory.data())) == 1 &&
      hmac(hash, salted.bytes(), "Client Key", client_key_) &&
      hmac(hash, salted.bytes(), "Server Key", server_key_) &&
      digest(hash, client_key_.bytes(), stored_key_);
  OPENSSL_cleanse(salted.memory.data(), salted.memory.size());
  if (!done) return false;
  mechanism_ = mechanism;
  std::ranges::copy(salt, salt_.begin());
  salt_size_ = salt.size();
  iterations_ = iterations;
  return true;
}

void ScramKeys::forget() noexcept {
  for (ScramDigest* each : {&client_key_, &stored_key_, &server_key_})
    OPENSSL_cleanse(each->memory.data(), each->memory.size());
  iterations_ = 0;
}

std::optional<ScramDigest> ScramKeys::proof(std::string_view auth_message) const noexcept {
  ScramDigest out;
  if (!hmac(hash_of(mechanism_), stored_key_.bytes(), auth_message, out)) return std::nullopt;
  mix(out, client_key_);
  return out;
}

std::optional<ScramDigest> ScramKeys::signature(std::string_view auth_message) const noexcept {
  ScramDigest out;
  if (!hmac(hash_of(mechanism_), server_key_.bytes(), auth_message, out)) return std::nullopt;
  return out;
}

bool ScramKeys::proves(std::span<const std::byte> proof,
                       std::string_view auth_message) const noexcept {
  ScramDigest key;
  if (!hmac(hash_of(mechanism_), stored_key_.bytes(), auth_message, key)) return false;
  if (proof.size() != key.size) return false;
  for (std::size_t i = 0; i < key.size; ++i) key.memory[i] ^= proof[i];
  ScramDigest stored;
  return digest(hash_of(mechanism_), key.bytes(), stored) &&
         same_secret(stored.bytes(), stored_key_.bytes());
}

}  // namespace spillway
