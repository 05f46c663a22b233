#include "testing/dev_broker/faults.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace spillway::dev {
namespace {

bool is_partition_api(ApiKey api) noexcept {
  return api == ApiKey::kProduce || api == ApiKey::kFetch || api == ApiKey::kListOffsets;
}

bool is_error(FaultKind kind) noexcept {
  return kind == FaultKind::Error || kind == FaultKind::ErrorAfterAppend;
}

// Whether the rule looks at the partitions of a request rather than at the request.
bool is_partition_rule(const FaultRule& rule, ApiKey api) noexcept {
  if (!is_partition_api(api)) return false;
  return rule.topic.has_value() || rule.partition.has_value() || is_error(rule.kind);
}

bool matches(const FaultRule& rule, const FaultSubject& subject) noexcept {
  if (rule.api.has_value() && *rule.api != subject.api) return false;
  if (rule.node.has_value() && *rule.node != subject.node) return false;
  if (is_partition_rule(rule, subject.api) != subject.topic.has_value()) return false;
  if (!subject.topic.has_value()) return !rule.topic.has_value() && !rule.partition.has_value();
  if (rule.topic.has_value() && *rule.topic != *subject.topic) return false;
  return !rule.partition.has_value() || *rule.partition == subject.partition;
}

}  // namespace

void FaultPlan::add(const FaultRule& rule) {
  switch (rule.kind) {
    case FaultKind::Error:
      error = rule.error;
      break;
    case FaultKind::ErrorAfterAppend:
      error_after_append = rule.error;
      break;
    case FaultKind::CloseBefore:
      close_before = true;
      break;
    case FaultKind::CloseAfter:
      close_after = true;
      break;
    case FaultKind::HalfAnswer:
      half_answer = true;
      break;
    case FaultKind::NoAnswer:
      no_answer = true;
      break;
    case FaultKind::SwallowBefore:
      swallow = true;
      break;
    case FaultKind::Delay:
      delay += rule.delay;
      break;
    case FaultKind::Throttle:
      throttle += rule.delay;
      break;
  }
}

FaultId Faults::add(FaultRule rule) {
  const std::lock_guard lock(mutex_);
  SPILL_CHECK(entries_.size() < kRulesMax, "a test adds at most Faults::kRulesMax rules");
  const FaultId id{next_id_++};
  entries_.push_back({id, std::move(rule)});
  return id;
}

void Faults::remove(FaultId id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::uint64_t Faults::hits(FaultId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.id == id; });
  return found == entries_.end() ? 0 : found->hits;
}

void Faults::apply(const FaultSubject& subject, FaultPlan& plan) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (matches(entry.rule, subject) && strikes(entry)) plan.add(entry.rule);
  }
}

bool Faults::strikes(Entry& entry) {
  FaultRule& rule = entry.rule;
  if (rule.skip > 0) {
    rule.skip -= 1;
    return false;
  }
  if (rule.times == 0) return false;
  if (rule.probability < 1.0 && uniform() >= rule.probability) return false;
  if (rule.times != FaultRule::kForever) rule.times -= 1;
  entry.hits += 1;
  return true;
}

// splitmix64: the standard's distributions differ between libraries, a seed must not.
double Faults::uniform() noexcept {
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

}  // namespace spillway::dev
