#include "recording_index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "file_hash.h"
#include "recording_survey.h"

namespace sniffer {
namespace {

constexpr const char* kIndex = "index.jsonl";
// The index is written anew when so many files of it are gone, or when no more of them went for a while.
constexpr size_t kForgetAfter = 16;
constexpr std::chrono::seconds kQuiet{1};
constexpr std::chrono::milliseconds kLockPatience{1000}, kLockEvery{20};

std::string quoted(const std::string& name) {
    std::string out = "\"";
    for (char c : name) {  // names are made safe, but the prefix' letters may be any
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string line_of(const FileFacts& facts, const std::string& name, const std::string& hash) {
    std::ostringstream out;
    out << "{\"sequence\":" << facts.sequence << ",\"name\":" << quoted(name) << ",\"firstTime\":\""
        << iso_time(facts.first) << "\",\"lastTime\":\"" << iso_time(facts.last) << "\",\"packets\":" << facts.packets
        << ",\"bytes\":" << facts.bytes << ",\"sha256\":\"" << hash
        << "\",\"drops\":{\"kernel\":" << facts.kernel_dropped << ",\"interface\":" << facts.interface_dropped
        << ",\"buffer\":" << facts.buffer_full << "},\"lost\":" << facts.lost;
    if (facts.recovered) out << ",\"recovered\":true,\"cutBytes\":" << facts.cut;
    out << "}\n";
    return out.str();
}

// Several recorders may share the folder and its index. One of them may stand still, and is not waited for long.
class IndexLock {
 public:
    // Throws std::runtime_error where another one has it all the time.
    IndexLock(const std::string& path, std::chrono::milliseconds patience)
        : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            if (std::chrono::steady_clock::now() >= deadline) {
                ::close(fd_);
                throw std::runtime_error(path + ": another process holds it");
            }
            std::this_thread::sleep_for(kLockEvery);
        }
    }
    ~IndexLock() {
        if (fd_ >= 0) ::close(fd_);
    }
    IndexLock(const IndexLock&) = delete;
    IndexLock& operator=(const IndexLock&) = delete;

 private:
    const int fd_;
};

bool write_text(const std::string& path, int flags, const std::string& text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0) return false;
    const off_t before = lseek(fd, 0, SEEK_END);
    const bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!whole && before >= 0 && ftruncate(fd, before) != 0) unlink(path.c_str());
    ::close(fd);
    return whole;
}

}  // namespace

RecordingIndex::RecordingIndex(const RecordingConfig& config, RecordingFolder& folder, const RecordingFormat& format,
                               Events& events)
    : config_(config), folder_(folder), format_(format), events_(events) {}

RecordingIndex::~RecordingIndex() { stop(); }

void RecordingIndex::start() {
    thread_ = std::thread([this] { run(); });
}

void RecordingIndex::add(const FileFacts& facts) {
    {
        std::lock_guard lock(mutex_);
        jobs_.push_back(facts);
    }
    changed_.notify_one();
}

void RecordingIndex::forget(size_t files) {
    {
        std::lock_guard lock(mutex_);
        deleted_ += files;
    }
    changed_.notify_one();
}

void RecordingIndex::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void RecordingIndex::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        const auto work = [this] { return stopping_ || !jobs_.empty() || deleted_ >= kForgetAfter; };
        if (lines_.empty()) changed_.wait(lock, [&] { return work() || deleted_ > 0; });
        const bool quiet = !changed_.wait_until(lock, std::chrono::system_clock::now() + kQuiet, work) || stopping_;
        const bool forgets = deleted_ >= kForgetAfter || (quiet && jobs_.empty() && deleted_ > 0);
        if (forgets) deleted_ = 0;
        FileFacts next;
        if (!jobs_.empty()) {
            next = jobs_.front();
            jobs_.pop_front();
        }
        const bool last = next.sequence == 0 && stopping_ && !forgets;
        lock.unlock();
        const bool done = work_on(next, forgets);
        lock.lock();
        if (last) break;
        if (forgets && !done && !stopping_) ++deleted_;  // the lines are still there
    }
    if (lines_.empty()) return;
    const auto missing = static_cast<uint64_t>(std::count(lines_.begin(), lines_.end(), '\n'));
    const std::string error = folder_.path(kIndex) + ": the last lines are missing";
    events_.add(Events::Line("recording_index").text("error", error).number("lines", missing));
}

// False where not all was done; what is wrong is told once, until nothing is. Lines that could not be entered are tried
// again each second.
bool RecordingIndex::work_on(const FileFacts& next, bool forgets) {
    try {
        if (next.sequence != 0) finish(next);
        enter_lines();
        if (forgets) compact();
        said_.clear();
    } catch (const std::exception& error) {
        if (said_ != error.what()) events_.add(Events::Line("recording_index").text("error", error.what()));
        said_ = error.what();
    }
    return said_.empty();
}

void RecordingIndex::finish(FileFacts facts) {
    std::string name = folder_.numbered_name(facts.sequence);
    if (access(folder_.path(name).c_str(), F_OK) != 0) return;  // deleted to make room
    if (facts.recovered) recover(facts, name);
    try {
        if (config_.compress != RecordingConfig::Compress::none && !stopping_ && !compress(facts, name)) return;
    } catch (const std::exception& error) {  // it stays as it is, and is whole
        events_.add(Events::Line("recording_index").text("error", error.what()));
    }
    const std::string hash = sha256_of_file(folder_.path(name), facts.bytes);
    lines_ += line_of(facts, name, hash);
}

// What SIGKILL left: it is whole up to its last packet.
void RecordingIndex::recover(FileFacts& facts, const std::string& name) const {
    const FileSurvey survey = survey_file(folder_.path(name), format_);
    facts.packets = survey.packets;
    facts.first = survey.first;
    facts.last = survey.last;
    facts.cut = survey.bytes - survey.whole;
    if (facts.cut > 0 && truncate(folder_.path(name).c_str(), static_cast<off_t>(survey.whole)) != 0)
        throw std::runtime_error(name + ": its end cannot be cut off: " + std::strerror(errno));
}

// False: the file was deleted meanwhile.
bool RecordingIndex::compress(FileFacts& facts, std::string& name) {
    const bool gzip = config_.compress == RecordingConfig::Compress::gzip;
    const std::string small = name + (gzip ? ".gz" : ".zst"), part = folder_.path("." + small + ".part");
    compress_file(folder_.path(name), part, config_.compress);
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(part, error);
    if (!error) std::filesystem::rename(part, folder_.path(small), error);
    if (error) {
        unlink(part.c_str());
        throw std::runtime_error(folder_.path(small) + ": " + error.message());
    }
    if (!folder_.replace(facts.sequence, small, bytes)) {
        unlink(folder_.path(small).c_str());
        return false;
    }
    unlink(folder_.path(name).c_str());
    name = small;
    return true;
}

void RecordingIndex::enter_lines() {
    if (lines_.empty()) return;
    const IndexLock lock(folder_.path(".index.lock"), patience());
    if (!write_text(folder_.path(kIndex), O_APPEND, lines_))
        throw std::runtime_error(folder_.path(kIndex) + ": " + std::strerror(errno));
    lines_.clear();
}

// Who holds the lock is waited for once: what stop() waits for is a second, whatever is left to do.
std::chrono::milliseconds RecordingIndex::patience() const {
    return said_.empty() ? kLockPatience : std::chrono::milliseconds(0);
}

// The lines of our own files that are gone go too; those of other prefixes stay.
void RecordingIndex::compact() {
    std::set<std::string> there;
    for (const auto& [sequence, name] : folder_.files()) there.insert(quoted(name));
    const IndexLock lock(folder_.path(".index.lock"), patience());
    std::ifstream in(folder_.path(kIndex));
    std::string kept, line;
    while (std::getline(in, line)) {
        const size_t from = line.find("\"name\":");
        const size_t end = from == std::string::npos ? from : line.find(",\"firstTime\"", from);
        if (end == std::string::npos) continue;
        const std::string name = line.substr(from + 7, end - from - 7);
        if (name.size() < 2) continue;  // not even its quotes: no line of ours
        const bool ours = sequence_of(name.substr(1, name.size() - 2), config_.prefix, format_.suffix()) != 0;
        if (!ours || there.contains(name)) kept += line + "\n";
    }
    const std::string part = folder_.path(".index.part");
    if (!write_text(part, O_TRUNC, kept) || rename(part.c_str(), folder_.path(kIndex).c_str()) != 0)
        throw std::runtime_error(folder_.path(kIndex) + ": " + std::strerror(errno));
}

}  // namespace sniffer
