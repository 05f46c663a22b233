// std::mutex with clang's thread-safety annotations: what is guarded says so and is checked by
// -Wthread-safety.
#pragma once

#include <mutex>

#if defined(__clang__)
#define SPILL_TS(x) __attribute__((x))
#else
#define SPILL_TS(x)
#endif
#define GUARDED_BY(x) SPILL_TS(guarded_by(x))
#define REQUIRES(x) SPILL_TS(requires_capability(x))
#define EXCLUDES(x) SPILL_TS(locks_excluded(x))

namespace spillway {

class SPILL_TS(capability("mutex")) Mutex {
 public:
  void lock() SPILL_TS(acquire_capability()) { mutex_.lock(); }
  void unlock() SPILL_TS(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SPILL_TS(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SPILL_TS(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SPILL_TS(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace spillway
