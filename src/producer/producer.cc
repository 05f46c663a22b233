// The facade: the public names over Core.

#include "spillway/producer.h"

#include <utility>

#include "base/check.h"
#include "net/tls_transport.h"
#include "producer/bootstrap.h"
#include "producer/core.h"

namespace spillway {
namespace {

Result<std::unique_ptr<Transport>> open_transport(const Options& options) {
  auto plain = EpollTransport::open(transport_options(options));
  if (!plain) return plain.error();
  if (!options.tls) return std::unique_ptr<Transport>(std::move(*plain));
  auto secured = TlsTransport::open(std::move(*plain), *options.tls, tls_limits(options));
  if (!secured) return secured.error();
  return std::unique_ptr<Transport>(std::move(*secured));
}

}  // namespace

Result<Producer> Producer::open(const Options& options) {
  if (auto checked = check_options(options); !checked) return checked.error();
  auto bootstrap = parse_bootstrap(options.bootstrap);
  if (!bootstrap) return bootstrap.error();
  auto plan = plan_memory(options);
  if (!plan) return plan.error();
  auto transport = open_transport(options);
  if (!transport) return transport.error();
  auto core = std::make_unique<Core>(options, std::move(*plan), std::move(*bootstrap),
                                     std::move(*transport));
  if (auto started = core->start(); !started) return started.error();
  return Producer(std::move(core));
}

Producer::Producer(std::unique_ptr<Core> core) noexcept : core_(std::move(core)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;
Producer::~Producer() = default;

Result<Topic> Producer::topic(std::string_view name, std::chrono::milliseconds deadline) {
  return core_->topic(name, deadline);
}

Result<void> Producer::send(Topic topic, const Record& record, Completion completion) {
  return core_->send(topic, record, completion);
}

Result<void> Producer::send_borrowed(Topic topic, const Record& record, BorrowedBytes value,
                                     Completion completion) {
  return core_->send_borrowed(topic, record, value.bytes(), completion);
}

Result<Reservation> Producer::reserve(Topic topic, const Record& record,
                                      std::size_t value_size_max) {
  return core_->reserve(topic, record, value_size_max);
}

Result<Delivery> Producer::send_and_wait(Topic topic, const Record& record,
                                         std::chrono::milliseconds deadline) {
  return core_->send_and_wait(topic, record, deadline);
}

Result<void> Producer::flush(std::chrono::milliseconds deadline) {
  return core_->flush(deadline);
}
Result<void> Producer::init_transactions(std::chrono::milliseconds deadline) {
  return core_->init_transactions(deadline);
}
Result<void> Producer::begin_transaction() {
  return core_->begin_transaction();
}
Result<void> Producer::send_offsets_to_transaction(std::span<const CommittedOffset> offsets,
                                                   const GroupMetadata& group,
                                                   std::chrono::milliseconds deadline) {
  return core_->send_offsets(offsets, group, deadline);
}
Result<void> Producer::commit_transaction(std::chrono::milliseconds deadline) {
  return core_->commit_transaction(deadline);
}
Result<void> Producer::abort_transaction(std::chrono::milliseconds deadline) {
  return core_->abort_transaction(deadline);
}
Result<CloseReport> Producer::close(std::chrono::milliseconds deadline) {
  return core_->close(deadline);
}
Snapshot Producer::snapshot() const {
  return core_->snapshot();
}
std::string Producer::plan() const {
  return core_->plan().text();
}

Reservation::Reservation(Reservation&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)),
      handle_(other.handle_),
      value_(std::exchange(other.value_, {})) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    abort();
    core_ = std::exchange(other.core_, nullptr);
    handle_ = other.handle_;
    value_ = std::exchange(other.value_, {});
  }
  return *this;
}

Result<void> Reservation::commit(std::size_t size, Completion completion) {
  if (core_ == nullptr)
    return Error(ErrorCode::InvalidArgument,
                 "the reservation is empty: it was committed, aborted or moved from");
  return std::exchange(core_, nullptr)->commit(handle_, value_, size, completion);
}

void Reservation::abort() noexcept {
  if (core_ != nullptr) std::exchange(core_, nullptr)->abort(handle_);
}

}  // namespace spillway
