#include "recording_stream.h"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "clock.h"

namespace sniffer {
namespace {

constexpr size_t kMostQueued = 4;  // chunks on their way to the stream's thread
constexpr int kPatienceMs = 500;

// Returns the listening socket, or -1 and the reason.
int listen_on(const std::string& text, std::string& reason) {
    const size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon), port = text.substr(colon + 1);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found)) {
        reason = gai_strerror(error);
        return -1;
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int yes = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 8) == 0)
        return fd;
    reason = std::strerror(errno);
    if (fd >= 0) close(fd);
    return -1;
}

}  // namespace

RecordingStream::RecordingStream(const std::string& listen, RecordingFormat format, Ledger::Recording& ledger,
                                 Events& events)
    : format_(std::move(format)), ledger_(ledger), events_(events) {
    std::string reason;
    listener_ = listen_on(listen, reason);
    if (listener_ < 0) {
        events_.add(Events::Line("stream_not_listening").text("address", listen).text("error", reason));
        return;
    }
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

RecordingStream::~RecordingStream() { stop(); }

void RecordingStream::start() {
    if (listener_ >= 0) thread_ = std::thread([this] { run(); });
}

void RecordingStream::stop() {
    if (stopping_.exchange(true)) return;
    const uint64_t one = 1;
    if (wake_ >= 0 && ::write(wake_, &one, sizeof one) < 0) return;
    if (thread_.joinable()) thread_.join();
    for (Client& client : clients_) close(client.fd);
    if (listener_ >= 0) close(listener_);
    if (wake_ >= 0) close(wake_);
}

// From the capture thread: it waits for nobody.
void RecordingStream::push(const SharedChunk& chunk) {
    if (clients_count_.load(std::memory_order_relaxed) == 0) return;
    if (queued_.load() >= kMostQueued) {
        refused_.fetch_add(chunk->packets);
        return;
    }
    queued_.fetch_add(1);
    queue_.push(chunk);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t woken = ::write(wake_, &one, sizeof one);
}

void RecordingStream::run() {
    while (!stopping_) {
        std::vector<pollfd> fds{{wake_, POLLIN, 0}, {steady_time() < accept_at_ ? -1 : listener_, POLLIN, 0}};
        for (const Client& client : clients_)
            fds.push_back({client.fd, static_cast<short>(client.waiting.empty() ? POLLRDHUP : POLLOUT | POLLRDHUP), 0});
        poll(fds.data(), fds.size(), kPatienceMs);
        uint64_t count;
        [[maybe_unused]] const ssize_t woken = ::read(wake_, &count, sizeof count);
        while (const SharedChunk chunk = queue_.pop(std::chrono::seconds(0))) {
            queued_.fetch_sub(1);
            serve(*chunk);
        }
        if (const uint64_t refused = refused_.exchange(0)) ledger_.stream_dropped.add(refused);
        size_t at = 2;
        for (auto client = clients_.begin(); client != clients_.end() && at < fds.size(); ++at) {
            const bool gone = (fds[at].revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0;
            if (gone || !send_some(*client)) {
                close(client->fd);
                client = clients_.erase(client);
            } else {
                ++client;
            }
        }
        if (fds[1].revents) accept_one();
        clients_count_ = clients_.size();
    }
}

void RecordingStream::accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {  // for want of a descriptor, say: the client waits on, and the listener stays ready
        accept_at_ = steady_time() + kPatienceMs * kMillisecond;
        return;
    }
    if (clients_.size() == kMostClients) {
        close(fd);
        return;
    }
    clients_.push_back({fd, format_.header()});
    send_some(clients_.back());
    events_.add(Events::Line("stream_client").number("clients", clients_.size()));
}

// Whole packets only, so that a client that lost some still reads a valid file.
void RecordingStream::serve(const PacketChunk& chunk) {
    const std::string_view bytes = format_.packets(chunk.records(), buffer_);
    for (Client& client : clients_) {
        if (client.waiting.size() - client.sent + bytes.size() > kMostWaiting) {
            ledger_.stream_dropped.add(chunk.packets);
            continue;
        }
        client.waiting.erase(0, std::exchange(client.sent, 0));
        client.waiting += bytes;
    }
}

// False when the client is gone.
bool RecordingStream::send_some(Client& client) {
    while (client.sent < client.waiting.size()) {
        const ssize_t sent = send(client.fd, client.waiting.data() + client.sent, client.waiting.size() - client.sent,
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        client.sent += static_cast<size_t>(sent);
    }
    client.waiting.clear();
    client.sent = 0;
    return true;
}

}  // namespace sniffer
