#include "record_body.h"

#include "base64.h"
#include "field_text.h"
#include "json_text.h"
#include "utf8.h"

namespace sniffer {

void RecordBody::prepare(const Message& message) {
    pieces_.clear();
    seen_ = message.body_size;
    truncated_ = message.body_cut;
    was_decoded_ = still_coded_ = withheld_ = false;
    if (!message.body || message.body->empty()) return;
    for (const Chunk* chunk = message.body->first(); chunk; chunk = chunk->next)
        pieces_.emplace_back(chunk->data, chunk->size);
    if (message.transfer_coded)
        still_coded_ = true;  // all that the content codings gave is within
    else if (!message.content_encoding.empty())
        decode(message);
    ends_early_ = truncated_ || message.incomplete != Incomplete::none;
    if (redactor_.has_fields()) redact(message);
}

void RecordBody::decode(const Message& message) {
    // What is to be searched for secrets must be read; it comes out decoded then, for nobody else redacts it.
    if (!config_.decode_body && !redactor_.has_fields()) {
        still_coded_ = has_content_coding(message.content_encoding);
        return;
    }
    using Result = ContentDecoder::Result;
    const Result result = decoder_.decode(message.content_encoding, pieces_, config_.max_body, decoded_);
    still_coded_ = result == Result::failed;
    was_decoded_ = result == Result::decoded || result == Result::cut;
    if (!was_decoded_) return;
    decoded_size_ = decoded_.size();
    truncated_ |= result == Result::cut;
    pieces_.clear();
    if (!decoded_.empty()) pieces_.push_back(decoded_);
}

void RecordBody::redact(const Message& message) {
    // What can't be read can't be searched; and a field may be cut in its midst, its name gone. A head that was cut
    // may have said either. Of two types each reader takes one.
    const bool unsure = ends_early_ || message.unsure || message.headers_truncated;
    if (still_coded_ || (config_.withhold_unparsable && unsure)) return withhold();
    if (pieces_.empty()) return;
    if (pieces_.size() > 1) {
        gathered_.clear();
        for (const std::string_view piece : pieces_) gathered_.append(piece);
        pieces_.assign(1, gathered_.view());
    }
    const bool doubtful = config_.withhold_unparsable || message.headers_truncated;
    if (doubtful && !redactor_.parses(message.content_type, pieces_.front())) return withhold();
    redacted_.clear();
    redactor_.body(message.content_type, pieces_.front(), redacted_);
    pieces_.assign(1, redacted_.view());
}

void RecordBody::withhold() {
    withheld_ = true;
    pieces_.clear();
}

void RecordBody::write(size_t limit, Text& out) {
    const size_t start = out.size();
    const size_t room = limit > kFieldsRoom ? limit - kFieldsRoom : 0;
    bool written = false, binary = false;
    if (!pieces_.empty()) {
        out.append("\"body\":\"");
        const size_t content = out.size();
        binary = looks_binary() || !write_text(room, out);
        if (binary) {
            out.cut(content);
            write_base64(room, out);
        }
        written = out.size() > content;
        if (!written) out.cut(start);
    }
    char* to = out.room(kFieldsRoom);
    if (written) to = put(to, binary ? "\",\"bodyEncoding\":\"base64\"," : "\",");
    if (truncated_) to = put(to, "\"bodyTruncated\":true,");
    if (withheld_) to = put(to, "\"bodyRedacted\":true,");
    if (was_decoded_) to = put(to, "\"contentDecoded\":true,");
    to = put_number(seen_, put(to, "\"bodySize\":"));
    if (was_decoded_) to = put_number(decoded_size_, put(to, ",\"decodedSize\":"));
    *to++ = ',';
    out.end(to);
}

// Most of what is not text shows it soon.
bool RecordBody::looks_binary() const {
    const std::string_view start = pieces_.front().substr(0, 64);
    uint8_t any = 0;  // a loop without a way out becomes a few wide instructions
    for (const char c : start) any |= static_cast<uint8_t>(c);
    if (any < 0x80) return false;
    return !valid_utf8(start.substr(0, start.size() - incomplete_tail(start)));
}

// False when the body is not UTF-8; what was appended by then is of no use. Only pieces that are
// not ASCII are checked: those that are show it while they are escaped.
bool RecordBody::write_text(size_t limit, Text& out) {
    Utf8Check check;
    bool full = out.size() > limit;
    for (const std::string_view piece : pieces_) {
        const size_t before = out.size();
        const bool ascii = !full && escape_json(piece, out);
        if ((!ascii || check.pending() > 0) && !check.feed(piece)) return false;
        if (full || out.size() <= limit) continue;
        full = true;
        out.cut(before);
        escape_json_within(piece, limit, out);
        out.cut(out.size() - incomplete_tail(out));
    }
    truncated_ |= full;
    if (check.pending() == 0) return true;
    // Only a body that goes on beyond what is here may end within a character.
    if (!ends_early_) return false;
    if (!full) out.cut(out.size() - check.pending());
    truncated_ = true;
    return true;
}

void RecordBody::write_base64(size_t limit, Text& out) {
    size_t left = limit > out.size() ? (limit - out.size()) / 4 * 3 : 0;
    Base64 base64(out);
    for (const std::string_view piece : pieces_) {
        base64.feed(piece.substr(0, left));
        if (piece.size() > left) {
            truncated_ = true;
            break;
        }
        left -= piece.size();
    }
    base64.finish();
}

}  // namespace sniffer
