// Properties of all codecs at once: what is written is read back, and what is not well formed is
// refused.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "wire/message_filler.h"
#include "wire/messages/all.h"

namespace spillway::wire {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kArenaSize = 1 << 18;

class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : random_(seed) {}

  void next() {}
  [[nodiscard]] bool is_null() { return random_() % 4 == 0; }
  [[nodiscard]] std::size_t count(bool) { return random_() % 4; }

  template <typename Integer>
    requires std::is_integral_v<Integer>
  void scalar(MessageStore&, Integer& value) {
    // All widths, so that both small and extreme numbers come up; zero often, as a default.
    value = static_cast<Integer>(random_() >> (random_() % 64));
  }
  void scalar(MessageStore&, bool& value) { value = random_() % 2 == 0; }
  void scalar(MessageStore&, Uuid& value) {
    for (auto& byte : value.bytes) byte = static_cast<std::byte>(random_());
  }
  void scalar(MessageStore& store, std::string_view& value) {
    value = store.text(std::string(size(), 's'));
  }
  void scalar(MessageStore& store, std::span<const std::byte>& value) {
    value = store.bytes(size(), static_cast<unsigned char>(random_()));
  }
  void scalar(MessageStore& store, Records& value) {
    value = Records::of(store.bytes(size(), static_cast<unsigned char>(random_())));
  }

 private:
  // Mostly short; now and then past one and two length bytes.
  std::size_t size() { return random_() % (random_() % 8 == 0 ? 300 : 10); }

  std::mt19937_64 random_;
};

// Compares two messages field by field, as far as their version has the fields.
class Same {
 public:
  Same(std::int16_t version, std::vector<const void*>& fields)
      : version_(version), fields_(fields) {}

  template <typename Message>
  static bool check(Message& a, Message& b, std::int16_t version) {
    std::vector<const void*> of_b;
    b.visit(b, version, [&](const char*, auto& field, bool) { of_b.push_back(&field); });
    Same same(version, of_b);
    a.visit(a, version, same);
    return same.ok_;
  }

  template <typename Field>
  void operator()(const char* name, Field& a, bool /*nullable*/) {
    const auto& b = *static_cast<const Field*>(fields_[next_++]);
    if (equal(a, b)) return;
    ok_ = false;
    std::cerr << "field " << name << " differs\n";
  }

 private:
  template <typename T>
  bool equal(const T& a, const T& b) {
    if constexpr (requires { T::visit(a, version_, *this); }) {
      return check(const_cast<T&>(a), const_cast<T&>(b), version_);
    } else {
      return a == b;
    }
  }
  bool equal(const Records& a, const Records& b) {
    return a.is_null() == b.is_null() && equal(a.bytes(), b.bytes());
  }
  template <typename T>
  bool equal(const std::optional<T>& a, const std::optional<T>& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || equal(*a, *b));
  }
  template <typename T>
  bool equal(const std::span<const T>& a, const std::span<const T>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!equal(a[i], b[i])) return false;
    }
    return true;
  }

  std::int16_t version_;
  std::vector<const void*>& fields_;
  std::size_t next_ = 0;
  bool ok_ = true;
};

template <typename Message>
Bytes encoded(const Message& message, std::int16_t version) {
  static Bytes buffer(kArenaSize);
  Writer out(buffer);
  message.encode(out, version);
  EXPECT_TRUE(out.ok());
  return {out.bytes().begin(), out.bytes().end()};
}

template <typename Message>
Bytes random_bytes_of(std::int16_t version, std::uint64_t seed, MessageStore& store,
                      Message& message) {
  RandomValues values(seed);
  MessageFiller(store, version, values).fill(message);
  return encoded(message, version);
}

// Runs `check.template operator()<Message>(version)` for every message and version.
template <typename Check, typename... Message>
void for_each_version(MessageList<Message...>, Check&& check) {
  const auto versions = [&]<typename One>(One*) {
    for (std::int16_t version = One::kVersionMin; version <= One::kVersionMax; ++version) {
      SCOPED_TRACE(std::string(One::kName) + " " + std::to_string(version));
      check.template operator()<One>(version);
      if (::testing::Test::HasFatalFailure()) return;
    }
  };
  (versions(static_cast<Message*>(nullptr)), ...);
}

template <typename Check>
void for_each_message(Check&& check) {
  for_each_version(AllRequests{}, check);
  for_each_version(AllResponses{}, check);
}

class Messages : public ::testing::Test {
 protected:
  // Decodes from exactly these bytes: under a sanitizer, one read too many is seen.
  template <typename Message>
  bool decodes(const Bytes& bytes, std::int16_t version, Message& message) {
    exact_ = Bytes(bytes);
    arena_.reset();
    Reader in(exact_);
    message.decode(in, arena_, version);
    return in.finish();
  }

  // What the last decoded message points into.
  Bytes exact_;
  Bytes memory_ = Bytes(kArenaSize);
  Arena arena_{memory_};
};

TEST_F(Messages, RandomOnesOfEveryVersionComeBackEqual) {
  for_each_message([&]<typename Message>(std::int16_t version) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      SCOPED_TRACE(seed);
      MessageStore store;
      Message message;
      const Bytes bytes = random_bytes_of(version, seed, store, message);
      arena_.reset();
      Reader in(bytes);
      Message decoded;
      ASSERT_TRUE(decoded.decode(in, arena_, version)) << in.error().what;
      ASSERT_TRUE(in.finish());
      ASSERT_TRUE(Same::check(message, decoded, version));
      ASSERT_EQ(encoded(decoded, version), bytes);
    }
  });
}

TEST_F(Messages, TheComparisonSeesADifferenceDeepInside) {
  std::array<ProduceResponse::Partition, 2> partitions;
  partitions[1].current_leader.leader_epoch = 4;
  std::array<ProduceResponse::Topic, 2> topics;
  topics[0].partitions = std::span(&partitions[0], 1);
  topics[1].partitions = std::span(&partitions[1], 1);
  EXPECT_FALSE(Same::check(topics[0], topics[1], 10));
  EXPECT_TRUE(Same::check(topics[0], topics[1], 9)) << "version 9 has no current_leader";
}

TEST_F(Messages, CutShortAtEveryByteTheyAreRefused) {
  for_each_message([&]<typename Message>(std::int16_t version) {
    MessageStore store;
    Message message;
    const Bytes bytes = random_bytes_of(version, 7, store, message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      Message decoded;
      ASSERT_FALSE(decodes(cut, version, decoded)) << "cut to " << size << " of " << bytes.size();
    }
  });
}

// A length or count may stand anywhere, so extreme ones are put everywhere. Whatever is read then
// must be consistent: it can be encoded again, and the arena is never left.
TEST_F(Messages, ExtremeLengthsAnywhereAreRefusedOrReadConsistently) {
  const std::array<Bytes, 5> extremes{
      Bytes{std::byte{0x7f}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}},
      Bytes{std::byte{0x80}, std::byte{0x00}, std::byte{0x00}, std::byte{0x00}},
      Bytes{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xfe}},
      Bytes{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0x0f}},
      Bytes{std::byte{0x7f}, std::byte{0xff}}};
  for_each_message([&]<typename Message>(std::int16_t version) {
    MessageStore store;
    Message message;
    const Bytes bytes = random_bytes_of(version, 3, store, message);
    for (const Bytes& extreme : extremes) {
      for (std::size_t at = 0; at + extreme.size() <= bytes.size(); ++at) {
        Bytes bad = bytes;
        std::copy(extreme.begin(), extreme.end(), bad.begin() + static_cast<std::ptrdiff_t>(at));
        Message decoded;
        if (decodes(bad, version, decoded)) encoded(decoded, version);
      }
    }
  });
}

TEST_F(Messages, UnknownTaggedFieldsAreSkipped) {
  InitProducerIdResponse response;
  response.producer_id = 99;
  Bytes bytes = encoded(response, 4);
  ASSERT_EQ(bytes.back(), std::byte{0});
  bytes.back() = std::byte{1};
  for (const int byte : {77, 3, 1, 2, 3}) bytes.push_back(static_cast<std::byte>(byte));
  InitProducerIdResponse decoded;
  ASSERT_TRUE(decodes(bytes, 4, decoded));
  EXPECT_EQ(decoded.producer_id, 99);
}

TEST_F(Messages, ATaggedFieldLongerThanItsContentIsRefused) {
  ProduceResponse::Partition partition;
  partition.current_leader = {1, 2};
  Bytes bytes(256);
  Writer out(bytes);
  partition.encode(out, 10);
  bytes.resize(out.size());
  // tag count 1, tag 0, size 9: say 10 and append one byte.
  ASSERT_EQ(bytes[bytes.size() - 10], std::byte{9});
  bytes[bytes.size() - 10] = std::byte{10};
  bytes.push_back(std::byte{0});
  Reader in(bytes);
  ProduceResponse::Partition decoded;
  decoded.decode(in, arena_, 10);
  EXPECT_STREQ(in.error().what, "a tagged field is longer than its content");
}

TEST_F(Messages, ATooSmallArenaIsAnErrorAtEverySize) {
  MessageStore store;
  MetadataResponse response;
  const Bytes bytes = random_bytes_of(12, 2, store, response);
  MetadataResponse decoded;
  ASSERT_TRUE(decodes(bytes, 12, decoded));
  const std::size_t needed = arena_.used();
  ASSERT_GT(needed, 0U);
  for (std::size_t size = 0; size < needed; ++size) {
    Arena small{std::span(memory_).first(size)};
    Reader in(bytes);
    EXPECT_FALSE(decoded.decode(in, small, 12));
    EXPECT_LE(small.used(), size);
  }
}

TEST_F(Messages, NullIsRefusedWhereItMayNotBe) {
  Bytes bytes{std::byte{0xff}, std::byte{0xff}};
  SaslHandshakeRequest request;
  EXPECT_FALSE(decodes(bytes, 1, request));
}

TEST_F(Messages, ALowerVersionWithoutNullGetsAnEmptyArray) {
  const Bytes bytes = encoded(MetadataRequest{}, 0);
  EXPECT_EQ(bytes, Bytes(4, std::byte{0}));
}

}  // namespace
}  // namespace spillway::wire
