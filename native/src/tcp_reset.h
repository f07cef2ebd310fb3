// A reset that was seen, until it is known whether it ends the connection.
//
// RFC 5961 section 3.2: a receiver takes only the one whose number is exactly the next. But the capture may show a
// reset before data that was sent before it. So one with a number that lies ahead waits for what leads up to it; where
// nothing does it is not the end: who could send one would else go on unseen.
#pragma once

#include <cstdint>
#include <optional>

#include "decode.h"
#include "seq.h"
#include "stream_pair.h"

namespace sniffer {

class TcpReset {
 public:
    // False where no receiver takes one with this number.
    bool on_reset(const StreamPair& streams, int side, const Segment& segment);
    // This side's segment ends at `end`: who goes on beyond its reset did not send it.
    void on_sent(int side, uint32_t end) {
        if (side_ == side && seq_less(at_, end)) side_ = -1;
    }
    // What leads up to it has waited long enough. False where it was not the end.
    bool end_wait(const StreamPair& streams);

    bool pending() const { return side_ >= 0; }
    bool pending_of(int side) const { return side_ == side; }
    // Whether it ends the connection now.
    bool reached(const StreamPair& streams) const;

 private:
    int8_t side_ = -1;  // who sent it; -1: none is waiting
    bool due_ = false;
    bool exact_ = false;  // its number was the next one when it came
    uint32_t at_ = 0;
    std::optional<uint32_t> ack_;  // none: it had heard nothing that is known
};

}  // namespace sniffer
