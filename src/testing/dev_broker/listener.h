// Listener: a port that stays ours while nobody listens on it, so that a stopped node refuses
// connections and can come back.
#pragma once

#include <cstdint>
#include <string>

namespace spillway::dev {

// Closes on destruction. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

// One thread.
class Listener {
 public:
  // Binds; port 0 takes a free one. Returns a sentence on failure, empty on success. `host` is a
  // name or a numeric address.
  [[nodiscard]] std::string bind(const std::string& host, std::uint16_t port);
  // Starts to accept (non-blocking). Same answer as bind.
  [[nodiscard]] std::string listen();
  // Connections are refused from now on.
  void refuse() noexcept { accepting_.reset(); }

  [[nodiscard]] int fd() const noexcept { return accepting_.get(); }
  [[nodiscard]] bool is_listening() const noexcept { return accepting_.is_open(); }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  [[nodiscard]] std::string open_bound(std::uint16_t port, FileDescriptor& out) const;

  std::string host_;
  std::uint16_t port_ = 0;
  // Bound, never listening: without it a client that retries on loopback could be given our port as
  // its own and connect to itself.
  FileDescriptor holder_;
  FileDescriptor accepting_;
};

}  // namespace spillway::dev
