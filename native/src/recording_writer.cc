#include "recording_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "clock.h"
#include "recording_survey.h"

namespace sniffer {
namespace {

constexpr Nanos kRetryEvery = kSecond, kLookEvery = kSecond;
constexpr auto kPatience = std::chrono::milliseconds(250);

// False also where it cannot be told.
bool holds_no_packet(const std::string& path, const RecordingFormat& format) {
    try {
        return survey_file(path, format, 1).packets == 0;
    } catch (const std::runtime_error&) {
        return false;
    }
}

}  // namespace

RecordingWriter::RecordingWriter(const RecordingConfig& config, RecordingFormat format, Ledger& ledger, Events& events)
    : config_(config),
      format_(std::move(format)),
      ledger_(ledger),
      events_(events),
      folder_(config, format_.suffix()),
      index_(config, folder_, format_, events) {
    // Before anything is confined: no thread of the capture may start a program.
    if (const std::string error = guard_.start(folder_.path(folder_.open_name())); !error.empty())
        events_.add(Events::Line("recording_unguarded").text("error", error));
}

RecordingWriter::~RecordingWriter() { stop(); }

void RecordingWriter::start() {
    index_.start();
    try_open();
    thread_ = std::thread([this] { run(); });
}

void RecordingWriter::stop() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
    index_.stop();
}

RecordingSession RecordingWriter::session() {
    std::lock_guard lock(mutex_);
    return session_;
}

void RecordingWriter::run() {
    while (!queue_.done()) {
        if (const SharedChunk chunk = queue_.pop(kPatience)) take(*chunk);
        look_after();
    }
    guard_.stop();
    if (file_ < 0) return;
    // The file keeps its name: who looks for the newest packets looks there.
    const std::string trailer = format_.trailer({facts_.first, facts_.last, facts_.packets, drops().kernel_dropped});
    if (::write(file_, trailer.data(), trailer.size()) != static_cast<ssize_t>(trailer.size()) &&
        ftruncate(file_, static_cast<off_t>(facts_.bytes)) != 0)
        events_.add(Events::Line("recording_index").text("error", "the last block is not whole"));
    ::close(std::exchange(file_, -1));
}

// Once a second: is the folder still there, is something too old, can a pause end?
void RecordingWriter::look_after() {
    const Nanos now = steady_time();
    if (file_ < 0) {
        if (now >= retry_at_) try_open();
        return;
    }
    if (now - checked_at_ < kLookEvery) return;
    checked_at_ = now;
    try {
        if (!folder_.there()) throw FolderError("the file being written is gone: " + folder_.path(folder_.open_name()));
        if (const size_t deleted = folder_.make_room(facts_.bytes, wall_time())) index_.forget(deleted);
    } catch (const FolderError& error) {
        pause(error.what());
    }
}

// What an earlier process left gets its number first: nothing is ever written over. Without a packet it goes: numbered
// it would take the place of one that holds some.
void RecordingWriter::take_over_leftover() {
    struct stat left {};
    if (fstatat(folder_.fd(), folder_.open_name().c_str(), &left, 0) != 0) return;
    if (S_ISREG(left.st_mode) && holds_no_packet(folder_.path(folder_.open_name()), format_)) return folder_.discard();
    FileFacts facts;
    facts.sequence = folder_.last_sequence() + 1;
    facts.recovered = true;
    folder_.number(facts.sequence, static_cast<uint64_t>(left.st_size), left.st_mtim.tv_sec * kSecond);
    index_.add(facts);
}

void RecordingWriter::try_open() {
    try {
        folder_.open();
        take_over_leftover();
        if (const size_t deleted = folder_.make_room(0, wall_time())) index_.forget(deleted);
        struct statvfs volume {};
        if (fstatvfs(folder_.fd(), &volume) == 0 && volume.f_bavail * volume.f_frsize < 2 * PacketChunk::kCapacity)
            folder_.fail(config_.directory + " is full", ENOSPC);
        begin_file(std::max(folder_.last_sequence(), lost_in_) + 1);
    } catch (const FolderError& error) {
        return pause(error.what());
    }
    {
        std::lock_guard lock(mutex_);
        session_ = {++sessions_, facts_.sequence, folder_.rotate_bytes()};
    }
    number_.store(sessions_, std::memory_order_release);
    if (!std::exchange(said_, "").empty())
        events_.add(Events::Line("recording_resumed").text("file", folder_.path(folder_.open_name())));
}

void RecordingWriter::begin_file(uint64_t sequence) {
    file_ = folder_.create();
    facts_ = {};
    facts_.sequence = sequence;
    before_ = {};
    before_ = drops();
    const std::string header = format_.header();
    if (::write(file_, header.data(), header.size()) != static_cast<ssize_t>(header.size())) {
        const int error = errno;
        unlinkat(folder_.fd(), folder_.open_name().c_str(), 0);
        ::close(std::exchange(file_, -1));
        folder_.fail(folder_.path(folder_.open_name()) + " cannot be written", error == 0 ? ENOSPC : error);
    }
    facts_.bytes = header.size();
    guard_.watch(file_, facts_.bytes);
}

FileFacts RecordingWriter::drops() const {
    FileFacts now;
    now.kernel_dropped = ledger_.capture.kernel_dropped.get() - before_.kernel_dropped;
    now.interface_dropped = ledger_.capture.interface_dropped.get() - before_.interface_dropped;
    now.buffer_full = ledger_.recording.buffer_full.get() - before_.buffer_full;
    return now;
}

// Closes the file, gives it its number and leaves the rest to the index. One without a packet goes.
void RecordingWriter::end_file() {
    guard_.rest();
    if (facts_.packets == 0) {
        ::close(std::exchange(file_, -1));
        return folder_.discard();
    }
    const FileFacts dropped = drops();
    facts_.kernel_dropped = dropped.kernel_dropped;
    facts_.interface_dropped = dropped.interface_dropped;
    facts_.buffer_full = dropped.buffer_full;
    const std::string trailer = format_.trailer({facts_.first, facts_.last, facts_.packets, dropped.kernel_dropped});
    if (::write(file_, trailer.data(), trailer.size()) == static_cast<ssize_t>(trailer.size()))
        facts_.bytes += trailer.size();
    else if (ftruncate(file_, static_cast<off_t>(facts_.bytes)) != 0)
        facts_.cut = trailer.size();
    ::close(std::exchange(file_, -1));
    folder_.number(facts_.sequence, facts_.bytes, facts_.last);
    index_.add(facts_);
}

void RecordingWriter::take(const PacketChunk& chunk) {
    if (chunk.session != session_.number || file_ < 0) return not_written(chunk);
    try {
        if (chunk.sequence != facts_.sequence) {
            end_file();
            begin_file(chunk.sequence);
        }
        if (const size_t deleted = folder_.make_room(facts_.bytes + chunk.file_bytes, chunk.last))
            index_.forget(deleted);
        write(chunk);
    } catch (const FolderError& error) {
        not_written(chunk);
        pause(error.what());
    }
}

void RecordingWriter::write(const PacketChunk& chunk) {
    const std::string_view bytes = format_.packets(chunk.records(), buffer_);
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) {
        facts_.bytes += bytes.size();
        guard_.written(facts_.bytes);
        facts_.packets += chunk.packets;
        if (facts_.first == 0) facts_.first = chunk.first;
        facts_.last = chunk.last;
        return ledger_.recording.recorded.add(chunk.packets);
    }
    const int error = written < 0 ? errno : ENOSPC;
    // A part of a packet must not stay: nothing of this chunk does.
    if (ftruncate(file_, static_cast<off_t>(facts_.bytes)) != 0) facts_.cut = bytes.size();
    folder_.fail(folder_.path(folder_.open_name()) + " cannot be written", error);
}

void RecordingWriter::not_written(const PacketChunk& chunk) {
    ledger_.recording.write_failed.add(chunk.packets);
    facts_.lost += chunk.packets;
    lost_in_ = std::max(lost_in_, chunk.sequence);
}

// One error for each pause; packets that come meanwhile are counted, not kept.
void RecordingWriter::pause(const std::string& reason) {
    number_.store(0, std::memory_order_release);
    {
        std::lock_guard lock(mutex_);
        session_ = {};
    }
    retry_at_ = steady_time() + kRetryEvery;
    if (file_ >= 0) {
        try {
            end_file();
        } catch (const FolderError&) {  // it keeps its name: the next attempt numbers it
            if (file_ >= 0) ::close(std::exchange(file_, -1));
        }
    }
    if (std::exchange(said_, reason).empty()) events_.add(Events::Line("recording_paused").text("reason", reason));
}

}  // namespace sniffer
