// Our codecs against bytes that an independent implementation made: golden/make_vectors.py.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "wire/batch_reader.h"
#include "wire/message_filler.h"
#include "wire/messages/all.h"

namespace spillway::wire {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kArenaSize = 1 << 16;

unsigned char nibble(char digit) {
  return static_cast<unsigned char>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(nibble(hex[i]) << 4 | nibble(hex[i + 1])));
  }
  return bytes;
}

// Lines of words; the last word of each is hex. The key is the words before it.
std::map<std::string, Bytes> load(const char* file) {
  std::ifstream in(std::string(SPILLWAY_GOLDEN_DIR) + "/" + file);
  std::map<std::string, Bytes> vectors;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.rfind(' ');
    vectors[line.substr(0, space)] = from_hex(line.substr(space + 1));
  }
  return vectors;
}

// The twin of Filler in make_vectors.py.
class GoldenValues {
 public:
  void next() { ++n_; }
  [[nodiscard]] bool is_null() const { return n_ % 5 == 0; }
  [[nodiscard]] std::size_t count(bool is_struct) const {
    return static_cast<std::size_t>(is_struct ? 1 + n_ % 2 : n_ % 4);
  }

  void scalar(MessageStore&, bool& value) const { value = n_ % 2 == 1; }
  void scalar(MessageStore&, std::int8_t& value) const { value = number<std::int8_t>(1); }
  void scalar(MessageStore&, std::int16_t& value) const { value = number<std::int16_t>(99); }
  void scalar(MessageStore&, std::int32_t& value) const { value = number<std::int32_t>(1'234'567); }
  void scalar(MessageStore&, std::int64_t& value) const {
    value = number<std::int64_t>(123'456'789'012);
  }
  void scalar(MessageStore&, Uuid& value) const { value.bytes.fill(static_cast<std::byte>(n_)); }
  void scalar(MessageStore& store, std::string_view& value) const {
    value = store.text(std::string(static_cast<std::size_t>(n_ % 7), 's') + std::to_string(n_));
  }
  void scalar(MessageStore& store, std::span<const std::byte>& value) const {
    value = store.bytes(static_cast<std::size_t>(n_), static_cast<unsigned char>(n_));
  }
  void scalar(MessageStore& store, Records& value) const {
    value = Records::of(store.bytes(static_cast<std::size_t>(n_), static_cast<unsigned char>(n_)));
  }

 private:
  template <typename Integer>
  [[nodiscard]] Integer number(std::int64_t factor) const {
    return static_cast<Integer>((n_ % 4 == 0 ? -n_ : n_) * factor);
  }

  std::int64_t n_ = 0;
};

template <typename Message>
Bytes encoded(const Message& message, std::int16_t version) {
  Bytes buffer(kArenaSize);
  Writer out(buffer);
  message.encode(out, version);
  EXPECT_TRUE(out.ok());
  buffer.resize(out.size());
  return buffer;
}

template <typename Message>
void expect_golden(const std::map<std::string, Bytes>& vectors, std::int16_t version) {
  const std::string name = std::string(Message::kName) + " " + std::to_string(version);
  SCOPED_TRACE(name);
  const auto found = vectors.find(name);
  ASSERT_NE(found, vectors.end());
  const Bytes& golden = found->second;

  MessageStore store;
  GoldenValues values;
  Message message;
  MessageFiller(store, version, values).fill(message);
  EXPECT_EQ(encoded(message, version), golden);

  alignas(16) std::array<std::byte, kArenaSize> memory;
  Arena arena(memory);
  Reader in(golden);
  Message decoded;
  EXPECT_TRUE(decoded.decode(in, arena, version)) << in.error().what << " " << in.error().offset;
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(encoded(decoded, version), golden);
}

template <typename... Message>
void expect_all_golden(const std::map<std::string, Bytes>& vectors, MessageList<Message...>) {
  const auto expect_versions = [&]<typename One>(One*) {
    for (std::int16_t version = One::kVersionMin; version <= One::kVersionMax; ++version) {
      expect_golden<One>(vectors, version);
    }
  };
  (expect_versions(static_cast<Message*>(nullptr)), ...);
}

TEST(Golden, EveryRequestOfEveryVersionIsTheSameByteForByte) {
  expect_all_golden(load("messages.txt"), AllRequests{});
}

TEST(Golden, EveryResponseOfEveryVersionIsTheSameByteForByte) {
  expect_all_golden(load("messages.txt"), AllResponses{});
}

struct TestHeader {
  std::string_view name;
  std::optional<std::span<const std::byte>> bytes;
  struct Value {
    const void* pointer;
    std::size_t length;
    [[nodiscard]] const void* data() const { return pointer; }
    [[nodiscard]] std::size_t size() const { return length; }
  } value;
};

const void* data_or_null(const std::optional<std::span<const std::byte>>& bytes) {
  if (!bytes.has_value()) return nullptr;
  return bytes->data() == nullptr ? "" : static_cast<const void*>(bytes->data());
}

std::size_t size_or_zero(const std::optional<std::span<const std::byte>>& bytes) {
  return bytes.has_value() ? bytes->size() : 0;
}

// Encodes what the cursor shows, as the producer would.
Bytes encoded_again(const RecordView& record) {
  std::vector<TestHeader> headers;
  HeaderCursor cursor(record);
  for (HeaderView header; cursor.next(header);) {
    headers.push_back(
        {header.name, header.value, {data_or_null(header.value), size_or_zero(header.value)}});
  }
  const std::span<const TestHeader> all(headers);
  const void* key = data_or_null(record.key);
  const void* value = data_or_null(record.value);
  const std::size_t size =
      tail_size(key, size_or_zero(record.key), value, size_or_zero(record.value), all);
  const std::size_t prefix = prefix_size(size, record.timestamp_delta, record.offset_delta);
  Bytes out(prefix + size);
  std::byte* tail = write_prefix(out.data(), size, record.timestamp_delta, record.offset_delta);
  EXPECT_EQ(tail, out.data() + prefix);
  EXPECT_EQ(write_tail(tail, key, size_or_zero(record.key), value, size_or_zero(record.value), all),
            out.data() + out.size());
  return out;
}

TEST(Golden, EveryRecordBatchIsReadAndWrittenTheSameByteForByte) {
  const auto vectors = load("batches.txt");
  ASSERT_FALSE(vectors.empty());
  for (const auto& [name, golden] : vectors) {
    SCOPED_TRACE(name);
    BatchView batch;
    ASSERT_EQ(read_batch(golden, batch).what, nullptr);
    EXPECT_EQ(validate_records(batch).what, nullptr);
    Bytes again(kBatchHeaderSize);
    RecordCursor cursor = batch.cursor();
    for (RecordView record; cursor.next(record);) {
      const Bytes bytes = encoded_again(record);
      again.insert(again.end(), bytes.begin(), bytes.end());
    }
    ASSERT_EQ(cursor.error().what, nullptr);
    const std::span<const std::byte> records = std::span(again).subspan(kBatchHeaderSize);
    write_batch_header(again.data(), batch.header, records.size(),
                       crc32c(0, records.data(), records.size()));
    EXPECT_EQ(again, golden);
  }
}

TEST(Golden, AFlippedBitInAVectorIsNoticed) {
  auto vectors = load("batches.txt");
  Bytes& golden = vectors.at("headers");
  for (std::size_t bit = kBatchCrcBegin * 8; bit < golden.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    golden[bit / 8] ^= mask;
    BatchView batch;
    ASSERT_STREQ(read_batch(golden, batch).what, "the crc of a batch does not match its bytes");
    golden[bit / 8] ^= mask;
  }
}

}  // namespace
}  // namespace spillway::wire
