#include "recording_survey.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <vector>

namespace sniffer {
namespace {

constexpr uint32_t kPcapFileHeader = 24, kEnhancedPacket = 6, kMostBlock = 1 << 20;

class Reader {
 public:
    explicit Reader(const std::string& path) : file_(std::fopen(path.c_str(), "rbe"), std::fclose) {
        if (!file_) throw std::runtime_error(path + ": " + std::strerror(errno));
    }
    bool read(void* out, size_t size) { return std::fread(out, 1, size, file_.get()) == size; }
    bool skip(size_t size) {
        while (size > 0) {
            const size_t part = std::min(size, sizeof scratch_);
            if (!read(scratch_, part)) return false;
            size -= part;
        }
        return true;
    }
    uint64_t size() {
        std::fseek(file_.get(), 0, SEEK_END);
        return static_cast<uint64_t>(std::ftell(file_.get()));
    }

 private:
    std::unique_ptr<FILE, int (*)(FILE*)> file_;
    char scratch_[4096];
};

void count(FileSurvey& survey, Nanos time) {
    if (survey.packets++ == 0) survey.first = time;
    survey.last = time;
}

void survey_pcap(Reader& reader, FileSurvey& survey, uint64_t most) {
    PcapRecord record;
    if (!reader.skip(kPcapFileHeader)) return;
    survey.whole = kPcapFileHeader;
    while (survey.packets < most && reader.read(&record, sizeof record) && reader.skip(record.captured)) {
        survey.whole += sizeof record + record.captured;
        count(survey, record.time());
    }
}

void survey_pcapng(Reader& reader, FileSurvey& survey, uint64_t most) {
    uint32_t head[2];
    while (survey.packets < most && reader.read(head, sizeof head) && head[1] >= 12 && head[1] <= kMostBlock) {
        uint32_t time[3] = {};  // the interface, the high and the low half
        const bool packet = head[0] == kEnhancedPacket && head[1] >= 32;
        if (packet && !reader.read(time, sizeof time)) return;
        if (!reader.skip(head[1] - sizeof head - (packet ? sizeof time : 0))) return;
        survey.whole += head[1];
        if (packet) count(survey, static_cast<Nanos>(static_cast<uint64_t>(time[1]) << 32 | time[2]));
    }
}

}  // namespace

FileSurvey survey_file(const std::string& path, const RecordingFormat& format, uint64_t most) {
    FileSurvey survey;
    Reader reader(path);
    format.pcapng() ? survey_pcapng(reader, survey, most) : survey_pcap(reader, survey, most);
    survey.bytes = reader.size();
    return survey;
}

std::string iso_time(Nanos time) {
    const time_t seconds = time / kSecond;
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[48];
    const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + size, sizeof text - size, ".%09lldZ", static_cast<long long>(time % kSecond));
    return text;
}

}  // namespace sniffer
