#include "recordings_merge.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <queue>
#include <vector>

#include "anonymizer.h"
#include "config_fields.h"
#include "error.h"
#include "input_file.h"
#include "packet_chunk.h"
#include "pcap_handle.h"
#include "recording_format.h"

namespace sniffer {
namespace {

class Always final : public PipeWaiter {
    bool wait_readable(int) override { return true; }
};

// A file that is being read; it stands at a packet.
class Source {
 public:
    Source(const std::string& path, size_t order) : order_(order), file_(path) {
        char reason[PCAP_ERRBUF_SIZE] = "";
        FILE* stream = file_.open(waiter_);
        handle_.reset(pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason));
        if (handle_) return;
        fclose(stream);
        throw EngineError(SNIFFER_FILE,
                          path + ": no capture file: " + (file_.error().empty() ? reason : file_.error()));
    }
    // False at the end.
    bool next() {
        const int status = pcap_next_ex(handle_.get(), &header_, &packet_);
        if (!file_.error().empty()) throw EngineError(SNIFFER_FILE, file_.name() + ": " + file_.error());
        if (status == PCAP_ERROR) throw EngineError(SNIFFER_FILE, file_.name() + ": " + pcap_geterr(handle_.get()));
        return status == 1;
    }
    Nanos time() const { return packet_time(*header_); }
    const pcap_pkthdr& header() const { return *header_; }
    const uint8_t* packet() const { return packet_; }
    int link_type() const { return pcap_datalink(handle_.get()); }
    size_t order() const { return order_; }

 private:
    const size_t order_;
    Always waiter_;
    InputFile file_;
    PcapHandle handle_;
    pcap_pkthdr* header_ = nullptr;
    const u_char* packet_ = nullptr;
};

struct Later {
    bool operator()(const std::unique_ptr<Source>& a, const std::unique_ptr<Source>& b) const {
        return a->time() != b->time() ? a->time() > b->time() : a->order() > b->order();
    }
};

struct Planned {
    std::string path;
    size_t order;
    Nanos first;
};

// When each file begins: one is opened only when its first packet is due, so that thousands may follow each other.
std::vector<Planned> plan(const std::vector<std::string>& paths, int& link_type) {
    std::vector<Planned> out;
    link_type = -1;
    for (const std::string& path : paths) {
        Source source(path, out.size());
        if (link_type >= 0 && source.link_type() != link_type)
            throw EngineError(SNIFFER_FILE, path + ": its link type differs from the others': one file holds one");
        link_type = source.link_type();
        if (source.next()) out.push_back({path, out.size(), source.time()});
    }
    std::stable_sort(out.begin(), out.end(), [](const Planned& a, const Planned& b) { return a.first < b.first; });
    return out;
}

class Output {
 public:
    Output(const std::string& path, const RecordingConfig& config, int link_type)
        : path_(path), link_type_(link_type), format_(config.pcapng, {file_link_type(link_type), 262144, {}, {}, {}}) {
        if (!config.anonymize_key.empty())
            anonymizer_ = std::make_unique<Anonymizer>(config.anonymize_key, config.ports);
        fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd_ < 0) fail();
        write_all(format_.header());
    }
    ~Output() {
        if (fd_ >= 0) close(fd_);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void add(const Source& source) {
        const pcap_pkthdr& header = source.header();
        if (!chunk_.has_room(header.caplen)) flush();
        if (!chunk_.has_room(header.caplen)) throw EngineError(SNIFFER_FILE, "a packet is longer than 262144 bytes");
        const Nanos time = source.time();
        char* bytes = chunk_.add(
            {static_cast<uint32_t>(time / kSecond), static_cast<uint32_t>(time % kSecond), header.caplen, header.len},
            source.packet(), 0);
        if (anonymizer_) anonymizer_->rewrite(link_type_, reinterpret_cast<uint8_t*>(bytes), header.caplen, header.len);
    }
    void flush() {
        write_all(format_.packets(chunk_.records(), buffer_));
        chunk_.reset();
    }

 private:
    [[noreturn]] void fail() const { throw EngineError(SNIFFER_FILE, path_ + ": " + std::strerror(errno)); }
    void write_all(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t written = write(fd_, bytes.data(), bytes.size());
            if (written < 0) fail();
            bytes.remove_prefix(static_cast<size_t>(written));
        }
    }
    const std::string path_;
    const int link_type_;
    const RecordingFormat format_;
    std::unique_ptr<Anonymizer> anonymizer_;
    int fd_ = -1;
    PacketChunk chunk_;
    std::string buffer_;
};

uint64_t merge(const std::vector<Planned>& planned, Output& out) {
    std::priority_queue<std::unique_ptr<Source>, std::vector<std::unique_ptr<Source>>, Later> open;
    auto due = planned.begin();
    uint64_t packets = 0;
    while (due != planned.end() || !open.empty()) {
        if (due != planned.end() && (open.empty() || due->first <= open.top()->time())) {
            auto source = std::make_unique<Source>(due->path, due->order);
            ++due;
            if (source->next()) open.push(std::move(source));
            continue;
        }
        // What the queue holds is const; the source leaves it whole and comes back at its next packet.
        auto source = std::move(const_cast<std::unique_ptr<Source>&>(open.top()));
        open.pop();
        out.add(*source);
        ++packets;
        if (source->next()) open.push(std::move(source));
    }
    return packets;
}

}  // namespace

uint64_t merge_recordings(std::string_view request) {
    simdjson::dom::parser parser;
    simdjson::dom::object document;
    if (parser.parse(request.data(), request.size()).get(document))
        throw EngineError(SNIFFER_CONFIG, "the request is no JSON object");
    const Fields fields(document, "");
    std::vector<std::string> files;
    std::string output;
    fields.read("files", files);
    fields.read("output", output);
    if (files.empty() || output.empty()) throw EngineError(SNIFFER_CONFIG, "files and output are needed");
    int link_type = -1;
    const std::vector<Planned> planned = plan(files, link_type);
    Output out(output, read_recording(fields), link_type);
    try {
        const uint64_t packets = merge(planned, out);
        out.flush();
        return packets;
    } catch (...) {
        unlink(output.c_str());
        throw;
    }
}

}  // namespace sniffer
