// Test only: fills any message, field by field, in the order of the protocol's tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/types.h"

namespace spillway::wire {

// Owns what filled messages point to.
class MessageStore {
 public:
  std::string_view text(std::string value) { return texts_.emplace_back(std::move(value)); }

  std::span<const std::byte> bytes(std::size_t size, unsigned char fill) {
    const std::string_view kept = text(std::string(size, static_cast<char>(fill)));
    return std::as_bytes(std::span(kept));
  }

  template <typename T>
  std::span<T> array(std::size_t count) {
    auto kept = std::make_shared<std::vector<T>>(count);
    arrays_.push_back(kept);
    return *kept;
  }

 private:
  std::deque<std::string> texts_;
  std::vector<std::shared_ptr<void>> arrays_;
};

// `Values` decides: is_null(nullable), count(is_struct), and scalar(value&) for every leaf.
template <typename Values>
class MessageFiller {
 public:
  MessageFiller(MessageStore& store, std::int16_t version, Values& values)
      : store_(store), version_(version), values_(values) {}

  template <typename Message>
  void fill(Message& message) {
    Message::visit(message, version_, *this);
  }

  template <typename Field>
  void operator()(const char* /*name*/, Field& field, bool nullable) {
    values_.next();
    if (nullable && values_.is_null()) {
      field = Field{};
      return;
    }
    set(field);
  }

 private:
  template <typename T>
  void set(std::optional<T>& field) {
    set(field.emplace());
  }

  template <typename T>
    requires(!std::is_same_v<T, std::byte>)
  void set(std::span<const T>& field) {
    constexpr bool is_struct = requires(T value) { value.visit(value, std::int16_t{0}, *this); };
    const std::span<T> elements = store_.array<T>(values_.count(is_struct));
    for (T& element : elements) {
      if constexpr (is_struct) {
        fill(element);
      } else {
        values_.next();
        set(element);
      }
    }
    field = elements;
  }

  template <typename T>
  void set(T& field) {
    if constexpr (requires { T::visit(field, std::int16_t{0}, *this); }) {
      fill(field);
    } else {
      values_.scalar(store_, field);
    }
  }

  MessageStore& store_;
  std::int16_t version_;
  Values& values_;
};

}  // namespace spillway::wire
