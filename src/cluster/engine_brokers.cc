// The table of brokers: who has a slot, who is connected to, where to begin.

#include <algorithm>

#include "cluster/engine.h"
#include "wire/messages/metadata.h"

namespace spillway {

// Linear: brokers_max is small, and a frame costs a system call anyway.
Session* Engine::session_of(ConnectionId id) noexcept {
  for (std::uint32_t i = 0; i < connections_max(options_); ++i) {
    if (sessions_[i].state() != Session::State::Down && sessions_[i].connection() == id)
      return &sessions_[i];
  }
  return nullptr;
}

Session* Engine::broker(std::int32_t node_id) noexcept {
  for (std::uint32_t i = 0; i < options_.brokers_max; ++i) {
    if (sessions_[i].named && sessions_[i].node_id == node_id) return &sessions_[i];
  }
  return nullptr;
}

void Engine::connect(Session& session, MonoTime now) {
  const ConnectionId id = transport_.connect(session.endpoint);
  if (id == ConnectionId{}) {  // the table has a row for each session, and rows of dead connections
                               // come free at the next poll
    session.retry_at = now + options_.retry_backoff;
    return;
  }
  session.connecting(id);
}

void Engine::connect_where_needed(MonoTime now) {
  bool any_up = false;
  for (std::uint32_t i = 0; i < options_.brokers_max; ++i) {
    Session& session = sessions_[i];
    const bool wanted = !session.ready_list.empty() || &session == target_;
    if (session.state() == Session::State::Down && wanted && now >= session.retry_at)
      connect(session, now);
    any_up |= session.is_up();
  }
  Session& seed = sessions_[options_.brokers_max];
  const bool needed = metadata_wanted_ || metadata_asked_ || coordinator_wanted_ ||
                      (options_.idempotence && !transactional() && identity_.id < 0);
  coordinator_wanted_ = false;
  if (seed.state() != Session::State::Down) {
    if (any_up && !seed.any_in_flight() && seed.is_up()) close_session(seed, nullptr);
    return;
  }
  if (!needed || any_up || now < seed.retry_at) return;
  seed.endpoint = bootstrap_[next_bootstrap_];
  next_bootstrap_ = (next_bootstrap_ + 1) % bootstrap_.size();
  connect(seed, now);
}

void Engine::apply_brokers(const wire::MetadataResponse& response) {
  for (std::uint32_t i = 0; i < options_.brokers_max; ++i) sessions_[i].listed = false;
  for (const auto& each : response.brokers) {
    if (Session* session = name_broker(each.node_id, each.host, each.port)) {
      session->listed = true;
      session->near = !options_.client_rack.empty() && each.rack == options_.client_rack;
      continue;
    }
    fates_.event(Severity::Error,
                 "the cluster has more brokers than Options::brokers_max: partitions of the "
                 "others cannot be reached");
    return;
  }
}

// nullptr: the table of brokers is full.
Session* Engine::name_broker(std::int32_t node_id, std::string_view host, std::int32_t port) {
  Session* session = broker(node_id);
  for (std::uint32_t i = 0; session == nullptr && i < options_.brokers_max; ++i) {
    if (!sessions_[i].named) session = &sessions_[i];
  }
  if (session == nullptr) return nullptr;
  Endpoint endpoint{std::string(host), static_cast<std::uint16_t>(port)};
  session->named = true;
  session->node_id = node_id;
  if (session->endpoint == endpoint) return session;
  session->endpoint = std::move(endpoint);
  close_session(*session, "the broker has moved to another address");
  session->retry_at = {};
  return session;
}

// The slots of brokers that have left the cluster are for those that come. One that still leads
// something, as far as we know, or coordinates our transaction keeps its slot.
void Engine::forget_brokers() {
  for (std::uint32_t i = 0; i < options_.brokers_max; ++i) {
    Session& session = sessions_[i];
    if (!session.named || session.listed || session.any_in_flight()) continue;
    if (&session == txn_.coordinator || &session == txn_.group_coordinator) continue;
    const auto led = [&session](const Partition& each) { return each.leader == &session; };
    if (std::ranges::any_of(topics_.all_partitions(), led)) continue;
    close_session(session, nullptr);
    session.named = session.near = false;
    session.node_id = -1;
    session.failures = 0;
  }
}

// KIP-1102: the cluster that these brokers belong to is not the one that the bootstrap addresses
// name any more.
void Engine::rebootstrap() {
  for (std::uint32_t i = 0; i < options_.brokers_max; ++i) {
    close_session(sessions_[i], "the cluster asks us to start from the bootstrap addresses again");
  }
  metadata_wanted_ = true;
  metadata_at_ = {};
}

// Records without a key go elsewhere from now on.
void Engine::leave_unreachable(const Session& session) noexcept {
  for (std::uint32_t id = 0; id < topics_.count(); ++id) {
    StickyPartitioner& sticky = topics_.sticky(id);
    if (sticky.current() < 0 || sticky.current() >= topics_.partition_count(id)) continue;
    if (topics_.partition(id, sticky.current()).leader == &session) sticky.leave();
  }
}

}  // namespace spillway
