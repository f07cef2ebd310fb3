// What SYNs tell: who opened the connection, where each side begins, and whether a new connection between the same ends
// has begun.
//
// Anybody may send a SYN. On a live connection it proves nothing, and its receiver goes on (RFC 9293 section 3.10.7.4,
// RFC 5961 section 4); the other side's SYN-ACK for it does. So what an unproven one said is kept until then.
#pragma once

#include <cstdint>

#include "decode.h"
#include "stream_pair.h"

namespace sniffer {

class TcpHandshake {
 public:
    enum class Answer : uint8_t {
        proceed,  // one of this connection
        ignore,   // it proves nothing
        reopen,   // one of a new connection
    };
    // `ended`: the connection is over, so that any other SYN begins a new one.
    Answer on_syn(StreamPair& streams, int side, const Segment& segment, bool ended);
    // A SYN with this number, of this side, opened the connection; it, or the answer to it, was seen on the one before.
    void adopt_opener(StreamPair& streams, int side, uint32_t isn);

    // Whether reopens() has to be asked: a SYN came that may have been one of a new connection.
    bool watchful() const { return watchful_; }
    // Data of a new connection between the same ends, of whose handshake a part was not seen.
    bool reopens(const StreamPair& streams, int side, const Segment& segment, bool ended);

    // Who sent the SYN; -1 where none was seen.
    int syn_side() const { return syn_side_; }
    // The sequence number of a new connection's SYN, and who sent it.
    uint32_t reopen_isn() const { return reopen_isn_; }
    int reopen_side() const { return reopen_side_; }

 private:
    bool is_late_syn(StreamPair& streams, int side, const Segment& segment) const;
    Answer on_unproven(int side, const Segment& segment);
    void begin(StreamPair& streams, int side, const Segment& segment);

    int8_t syn_side_ = -1, reopen_side_ = -1, answered_side_ = -1;
    bool watchful_ = false;
    uint32_t reopen_isn_ = 0;
    uint32_t answered_isn_ = 0;  // of a SYN that was answered, but not seen
};

}  // namespace sniffer
