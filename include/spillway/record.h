// What goes in: a record is a key, a value and headers, all of them views that send() copies.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace spillway {

// A view of bytes that knows Kafka's null: Bytes{} is null (a value: tombstone), Bytes("") is
// empty.
class Bytes {
 public:
  constexpr Bytes() noexcept = default;
  constexpr Bytes(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  Bytes(const void* data, std::size_t size) noexcept
      : data_(size == 0 && data == nullptr ? "" : data), size_(size) {}
  Bytes(std::string_view text) noexcept  // NOLINT(google-explicit-constructor)
      : Bytes(text.data(), text.size()) {}
  Bytes(const std::string& text) noexcept  // NOLINT(google-explicit-constructor)
      : Bytes(text.data(), text.size()) {}
  Bytes(const char* text) noexcept  // NOLINT(google-explicit-constructor)
      : Bytes(std::string_view(text)) {}
  Bytes(std::span<const std::byte> bytes) noexcept  // NOLINT(google-explicit-constructor)
      : Bytes(bytes.data(), bytes.size()) {}

  [[nodiscard]] bool is_null() const noexcept { return data_ == nullptr; }
  [[nodiscard]] const void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {static_cast<const char*>(data_), size_};
  }

 private:
  const void* data_ = nullptr;
  std::size_t size_ = 0;
};

// Bytes that the caller keeps alive and unchanged until the record's callback has run.
// Built from a named object only: a temporary string does not compile.
class BorrowedBytes {
 public:
  explicit BorrowedBytes(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  explicit BorrowedBytes(const std::string& text) noexcept : bytes_(text) {}
  explicit BorrowedBytes(std::string&& text) = delete;
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

 private:
  Bytes bytes_;
};

struct Header {
  std::string_view name;  // UTF-8, not null
  Bytes value;
};

using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

inline constexpr std::int32_t kPartitionAny = -1;

// Partition kPartitionAny: by murmur2 of the key as the Java client does; without a key, KIP-794
// (stay with one partition for a batch, then prefer the less loaded). Timestamp 0: the time of
// send.
struct Record {
  Bytes key{};
  Bytes value{};
  std::span<const Header> headers{};
  std::int32_t partition = kPartitionAny;
  Timestamp timestamp{};
};

}  // namespace spillway
