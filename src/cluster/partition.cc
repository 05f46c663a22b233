#include "cluster/partition.h"

#include "base/check.h"

namespace spillway {
namespace {

// Orders wrap; five in flight are far less than half the circle.
bool precedes(const Batch& a, const Batch& b) noexcept {
  return static_cast<std::int32_t>(a.order - b.order) < 0;
}

}  // namespace

void Partition::push_retry(Batch& batch) noexcept {
  Batch** spot = &head;
  while (*spot != nullptr && (*spot)->sends > 0 && precedes(**spot, batch)) spot = &(*spot)->next;
  batch.next = *spot;
  *spot = &batch;
  if (batch.next == nullptr) tail = &batch;
  ++queued;
}

void Partition::remove(Batch& batch) noexcept {
  Batch* before = nullptr;
  for (Batch* each = head; each != &batch; each = each->next) {
    SPILL_CHECK(each != nullptr, "a batch is removed from the queue that it is in");
    before = each;
  }
  (before == nullptr ? head : before->next) = batch.next;
  if (tail == &batch) tail = before;
  batch.next = nullptr;
  --queued;
}

}  // namespace spillway
