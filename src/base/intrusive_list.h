// A doubly linked list whose links live in its elements: no allocation, O(1) removal from the
// middle.
#pragma once

#include "base/check.h"

namespace spillway {

// The links of one element in one list. An element that is in no list has null links.
template <typename T>
struct ListLink {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

// An element may be in one list of each link member at a time. Owns nothing; one thread.
template <typename T, ListLink<T> T::*kLink>
class IntrusiveList {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] T* front() const noexcept { return first_; }
  [[nodiscard]] static T* next(const T& element) noexcept { return (element.*kLink).next; }

  void push_back(T& element) noexcept {
    ListLink<T>& link = element.*kLink;
    SPILL_CHECK(!link.linked, "an element is in one list at a time");
    link = {last_, nullptr, true};
    (last_ == nullptr ? first_ : (last_->*kLink).next) = &element;
    last_ = &element;
  }

  void insert_before(T& place, T& element) noexcept {
    ListLink<T>& link = element.*kLink;
    SPILL_CHECK(!link.linked && (place.*kLink).linked,
                "an element goes before one that is in the list");
    link = {(place.*kLink).previous, &place, true};
    (link.previous == nullptr ? first_ : (link.previous->*kLink).next) = &element;
    (place.*kLink).previous = &element;
  }

  void remove(T& element) noexcept {
    ListLink<T>& link = element.*kLink;
    SPILL_CHECK(link.linked, "an element is removed from a list that it is in");
    (link.previous == nullptr ? first_ : (link.previous->*kLink).next) = link.next;
    (link.next == nullptr ? last_ : (link.next->*kLink).previous) = link.previous;
    link = {};
  }

  T* pop_front() noexcept {
    T* element = first_;
    if (element != nullptr) remove(*element);
    return element;
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace spillway
