// A message's body on its way into its record: decoded, redacted, as text or base64.
#pragma once

#include <string_view>
#include <vector>

#include "content_decode.h"
#include "record.h"
#include "redact.h"

namespace sniffer {

class RecordBody {
 public:
    RecordBody(const Config& config, const Redactor& redactor, Budget& budget)
        : config_(config), redactor_(redactor), decoder_(budget) {}

    // Reads the message's body, which must live until write() is done.
    void prepare(const Message& message);
    // Appends `"body":"…",` and the fields that tell how it is written, `"bodySize":…,` among them.
    // `out` gets at most `limit` bytes in all, if the fields alone don't take more (kFieldsRoom).
    void write(size_t limit, Text& out);

    // Bytes that everything but the body's own takes at most.
    static constexpr size_t kFieldsRoom = 192;

 private:
    void decode(const Message& message);
    void redact(const Message& message);
    void withhold();
    bool looks_binary() const;
    bool write_text(size_t limit, Text& out);
    void write_base64(size_t limit, Text& out);

    const Config& config_;
    const Redactor& redactor_;
    ContentDecoder decoder_;
    Text decoded_, gathered_, redacted_;
    std::vector<std::string_view> pieces_;
    uint64_t seen_ = 0, decoded_size_ = 0;
    bool ends_early_ = false;  // more bytes followed, or would have, had the message been complete
    bool truncated_ = false, was_decoded_ = false, still_coded_ = false, withheld_ = false;
};

}  // namespace sniffer
