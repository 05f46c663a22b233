// The producer's mind: which batch goes to which broker when, and what becomes of it. Sans-I/O:
// time and bytes come in through calls, so one seed replays a run. Start at README.md for the
// invariants.
//
// Everything here runs on the I/O thread. After construction the path of a record touches no heap;
// connecting and learning metadata may.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "cluster/batch.h"
#include "cluster/fates.h"
#include "cluster/packer.h"
#include "cluster/partition.h"
#include "cluster/record.h"
#include "cluster/sasl.h"
#include "cluster/session.h"
#include "cluster/topics.h"
#include "cluster/transaction.h"
#include "net/transport.h"
#include "spillway/options.h"
#include "wire/arena.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace spillway {

// Written by the I/O thread, read by snapshot().
struct EngineCounters {
  std::atomic<std::uint64_t> batches_sent{0};
  std::atomic<std::uint64_t> batches_retried{0};
  std::atomic<std::uint64_t> batches_split{0};
  std::atomic<std::uint64_t> batch_bytes_sent{0};
  std::atomic<std::uint64_t> requests_in_flight{0};
  std::atomic<std::uint64_t> brokers_connected{0};
  std::atomic<std::uint64_t> throttled_ms{0};
  std::atomic<std::uint64_t> epoch_bumps{0};
  std::atomic<std::uint64_t> authentications{0};
  std::atomic<std::uint64_t> authentications_failed{0};
  std::atomic<std::uint64_t> payload{0};
  std::atomic<std::uint64_t> payload_held_by{0};
};

// One writer: a plain add, without a locked instruction.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

class Engine final : public TransportEvents {
 public:
  Engine(const Options& options, std::vector<Endpoint> bootstrap, Pool& pool, Transport& transport,
         Fates& fates, Topics& topics);
  static std::size_t memory_bytes(const Options& options) noexcept;
  static std::uint32_t connections_max(const Options& options) noexcept {
    return options.brokers_max + 1;
  }

  // Before anything else. System: no thread for the codec.
  [[nodiscard]] Result<void> start() {
    if (packer_.start()) return {};
    return Error(ErrorCode::System, "the system refused a thread for compression");
  }
  // False: the record asks for a partition that its topic does not have.
  [[nodiscard]] bool has_partition(const RecordHeader& header) const noexcept {
    return (header.flags & RecordHeader::kHasPartition) == 0 ||
           header.partition_or_hash < topics_.partition_count(header.topic);
  }
  // Takes one record into the open batch of its partition. False: no page was free, nothing has
  // changed. The topic is Ready and
  // has the partition.
  [[nodiscard]] bool append(const StoredRecord& record, MonoTime now) noexcept;

  // Everything that time or earlier calls have made due: expire, connect, ask for metadata, send.
  void work(MonoTime now);
  // When work must be called again if nothing else happens.
  [[nodiscard]] MonoTime deadline(MonoTime now) const noexcept;

  // Send what is there without waiting for company.
  void set_hurry(bool hurry) noexcept { hurry_ = hurry; }
  void set_linger(MonoDuration linger) noexcept { linger_ = linger; }
  void topics_added() noexcept { metadata_wanted_ = true; }

  // Records of a transaction that is being aborted end as they come.
  [[nodiscard]] bool aborting() const noexcept { return aborting_; }
  [[nodiscard]] TransactionDesk& transactions() noexcept { return desk_; }
  [[nodiscard]] const TransactionDesk& transactions() const noexcept { return desk_; }
  // A record of this transaction will not be delivered: it can only be aborted.
  void transaction_failed(std::string sentence);

  // DropOldest: ends the oldest batch that was never sent. False: there is none.
  bool evict_oldest() noexcept;
  // close(): drops the connections and ends every record.
  void abandon_all() noexcept;
  [[nodiscard]] bool empty() const noexcept { return ages_.empty(); }
  // Batches are numbered as they are made. The oldest that lives (or the next to be made), and the
  // newest ever made.
  [[nodiscard]] std::uint64_t oldest_batch() const noexcept {
    return ages_.empty() ? batches_made_ + 1 : ages_.front()->number;
  }
  [[nodiscard]] std::uint64_t newest_batch() const noexcept { return batches_made_; }

  [[nodiscard]] const EngineCounters& counters() const noexcept { return counters_; }
  // Why no broker answers, for a person: Unreachable or AuthenticationFailed. Empty: nothing was
  // wrong yet. Any thread.
  struct Trouble {
    ErrorCode code = ErrorCode::Unreachable;
    std::string sentence;
  };
  [[nodiscard]] Trouble last_trouble() const EXCLUDES(trouble_mutex_);

  void on_connected(ConnectionId id) override;
  void on_readable(ConnectionId id) override;
  void on_writable(ConnectionId id) override;
  void on_closed(ConnectionId id, CloseCause cause, const char* detail) override;

 private:
  static constexpr std::size_t kRequestPartitionsMax = Session::kSplicesMax;
  static constexpr std::size_t kRequestBytesMax = 4 * kMiB;

  struct Scratch {
    std::array<Partition*, kRequestPartitionsMax> chosen;
    std::array<wire::ProduceRequest::Partition, kRequestPartitionsMax> partitions;
    std::array<wire::ProduceRequest::Topic, kRequestPartitionsMax> topics;
  };

  // engine.cc: records, batches, the schedule
  Partition& choose_partition(const StoredRecord& record) noexcept;
  void pack(Batch& batch) noexcept;
  void finish_packing(MonoTime now) noexcept;
  void switch_sticky(std::uint32_t topic) noexcept;
  Batch* fresh_batch(Partition& partition, MonoTime now) noexcept;
  Batch* writable_batch(Partition& partition, std::size_t tail_size, MonoTime now) noexcept;
  void end(Batch& batch, Fate fate, Reason reason, std::int16_t kafka_error,
           std::int64_t offset) noexcept;
  [[nodiscard]] bool prepare_to_send(Partition& partition, MonoTime now) noexcept;
  void reschedule(Partition& partition, MonoTime now) noexcept;
  void move(Partition& partition, Partition::Place place) noexcept;
  void expire(MonoTime now) noexcept;
  void release_lingering(MonoTime now) noexcept;
  void release_parked(MonoTime now) noexcept;
  bool may_join(Partition& partition) noexcept;
  void start_epoch(Partition& partition) noexcept;

  // engine_sessions.cc: connections, versions, metadata, producer id
  Session* session_of(ConnectionId id) noexcept;
  void connect(Session& session, MonoTime now);
  void connect_where_needed(MonoTime now);
  void close_session(Session& session, const char* why);
  void lost(Session& session, const char* why);
  void take_back(Session& session, MonoTime now) noexcept;
  Session* ready_session(MonoTime now) noexcept;
  void ask_cluster(MonoTime now);
  void ask_metadata(Session& session, MonoTime now);
  void ask_identity(Session& session, MonoTime now);
  bool on_frame(Session& session, std::span<const std::byte> frame);
  bool on_metadata(const InFlight& request, std::span<const std::byte> frame);
  bool on_identity(const InFlight& request, std::span<const std::byte> frame);
  void forget_brokers();
  void rebootstrap();
  void leave_unreachable(const Session& session) noexcept;
  Session* name_broker(std::int32_t node_id, std::string_view host, std::int32_t port);
  void apply_brokers(const wire::MetadataResponse& response);
  void apply_topic(const wire::MetadataResponse::Topic& topic);
  void restart(Partition& partition);
  // Its topic was made again with fewer partitions.
  [[nodiscard]] bool vanished(const Partition& partition) const noexcept {
    return partition.index >= topics_.partition_count(partition.topic);
  }
  void set_leader(Partition& partition, std::int32_t node_id, std::int32_t epoch);
  Session* broker(std::int32_t node_id) noexcept;
  void trouble(const Session& session, std::string_view why) EXCLUDES(trouble_mutex_);

  // engine_login.cc: from a connection to a broker that takes requests
  void ask_versions(Session& session, std::int16_t version);
  bool on_versions(Session& session, const InFlight& request, std::span<const std::byte> frame);
  void established(Session& session);
  void log_in(Session& session, MonoTime now);
  bool on_handshake(Session& session, const InFlight& request, std::span<const std::byte> frame);
  bool on_authenticate(Session& session, const InFlight& request, std::span<const std::byte> frame);
  void take_step(Session& session, SaslExchange::Step step, const SaslMessage& message,
                 const std::string& why);
  void logged_in(Session& session, MonoTime asked, std::int64_t lifetime_ms);
  void refuse_login(Session& session, const std::string& why) EXCLUDES(trouble_mutex_);
  void renew_logins(MonoTime now);

  // engine_produce.cc: produce requests and what comes of them
  void send_ready(MonoTime now) noexcept;
  bool send_one(Session& session, MonoTime now) noexcept;
  [[nodiscard]] std::int16_t produce_version(const Session& session,
                                             std::span<Partition*> chosen) const noexcept;
  std::size_t choose(Session& session) noexcept;
  void put_back(std::span<Partition*> chosen) noexcept;
  wire::ProduceRequest describe(std::span<Partition*> chosen) noexcept;
  void depart(Session& session, std::span<Partition*> chosen, MonoTime now) noexcept;
  void after_flush(Session& session, MonoTime now) noexcept;
  bool on_produce(Session& session, InFlight request, std::span<const std::byte> frame);
  void on_answer(Batch& batch, const wire::ProduceResponse::Partition& answer,
                 MonoTime now) noexcept;
  void take_back(InFlight& request, MonoTime now) noexcept;
  void settle(Batch& batch, const wire::ProduceResponse::Partition& answer, MonoTime now) noexcept;
  void give_back(Batch& batch) noexcept;
  void retry(Batch& batch, bool refresh_metadata, MonoTime now) noexcept;

  // engine_refused.cc: what to do with a batch that is refused as it is
  bool send_in_parts(Batch& batch, std::int16_t kafka_error,
                     std::span<const wire::ProduceResponse::RecordError> bad,
                     MonoTime now) noexcept;
  bool split(Batch& batch, MonoTime now) noexcept;
  bool omit(Batch& batch, std::int16_t kafka_error,
            std::span<const wire::ProduceResponse::RecordError> bad, MonoTime now) noexcept;
  void replace(Batch& batch, Batch* parts, MonoTime now) noexcept;
  void forget(Batch& batch) noexcept;

  // engine_transaction.cc: the coordinator
  [[nodiscard]] bool transactional() const noexcept { return !options_.transactional_id.empty(); }
  void work_transaction(MonoTime now);
  void take_request();
  [[nodiscard]] TransactionWork::Step next_step() const noexcept;
  Session* session_for(TransactionWork::Step step, MonoTime now) noexcept;
  bool send_step(Session& session, TransactionWork::Step step, MonoTime now);
  template <typename Request>
  bool send_signed(Session& session, Request& request, std::int16_t version, MonoTime now);
  bool send_find(Session& session, std::string_view key, std::int8_t type, MonoTime now);
  bool send_init(Session& session, MonoTime now);
  bool send_add_partitions(Session& session, MonoTime now);
  bool send_commit_offsets(Session& session, MonoTime now);
  bool on_transaction(const InFlight& request, std::span<const std::byte> frame);
  bool on_coordinator(const InFlight& request, std::span<const std::byte> frame, wire::Arena& arena,
                      TransactionWork::Step step);
  bool on_new_epoch(const InFlight& request, std::span<const std::byte> frame, wire::Arena& arena);
  bool on_partitions_added(const InFlight& request, std::span<const std::byte> frame,
                           wire::Arena& arena);
  bool on_offsets_committed(const InFlight& request, std::span<const std::byte> frame,
                            wire::Arena& arena);
  bool on_ended(const InFlight& request, std::span<const std::byte> frame, wire::Arena& arena);
  bool advance(std::int16_t kafka_error, TransactionWork::Step step, MonoTime now);
  void retry_step(std::int16_t kafka_error, MonoTime now);
  void lose_step(MonoTime now);
  void finish_request(Result<void> result);
  void finish_end();
  void renew_partitions() noexcept;
  void abort_batches(MonoTime now) noexcept;
  void end_aborted(Batch& batch) noexcept;
  void transaction_fatal(ErrorCode code, std::string sentence);

  const Options& options_;
  const std::vector<Endpoint> bootstrap_;
  Pool& pool_;
  Transport& transport_;
  Fates& fates_;
  Topics& topics_;
  const std::unique_ptr<SaslCredentials> sasl_;  // null: brokers do not ask who we are
  Random random_;

  std::unique_ptr<Session[]> sessions_;  // one a broker, and the last one for bootstrap addresses
  std::unique_ptr<Session::Memory[]> session_memory_;
  std::unique_ptr<std::byte[]> large_memory_;
  std::unique_ptr<std::byte[]> arena_memory_;
  std::unique_ptr<PartitionLoad[]> loads_;
  std::unique_ptr<std::uint32_t[]> load_scratch_;
  std::unique_ptr<Scratch> scratch_;
  Packer packer_;
  LargeBuffer large_;
  std::size_t arena_bytes_ = 0;
  std::size_t next_bootstrap_ = 0;

  BatchAges ages_;
  std::uint64_t batches_made_ = 0;
  PartitionList lingering_;
  PartitionList parked_;
  MonoTime parked_until_ = kNever;  // the earliest retry among the parked
  MonoDuration linger_;
  bool hurry_ = false;

  ProducerIdentity identity_;
  bool identity_asked_ = false;
  MonoTime identity_at_{};
  std::uint16_t identity_failures_ = 0;

  TransactionDesk desk_;
  TransactionWork txn_;
  Session* target_ = nullptr;        // the coordinator that the transaction waits for
  bool coordinator_wanted_ = false;  // any broker will do to find it
  bool aborting_ = false;

  bool metadata_wanted_ = false;
  bool metadata_asked_ = false;
  MonoTime metadata_at_{};          // not before
  MonoTime metadata_due_ = kNever;  // at the latest
  std::uint16_t metadata_failures_ = 0;

  EngineCounters counters_;
  mutable Mutex trouble_mutex_;
  Trouble trouble_ GUARDED_BY(trouble_mutex_);
};

}  // namespace spillway
