// HTTP/1 on one connection: bytes of both sides in, messages out, each response with its request.
#pragma once

#include <memory>
#include <string_view>

#include "http_body.h"
#include "http_context.h"
#include "http_head.h"
#include "http_message.h"
#include "http_pairing.h"
#include "stream_handler.h"

namespace sniffer {

class HttpConnection final : public StreamHandler {
 public:
    // `ends[side]`; `client`: the side that is known to be the client by its port or its SYN, or -1.
    HttpConnection(HttpContext& context, const Endpoint (&ends)[2], const ConnectionId& id, int client);
    ~HttpConnection() override;

    void on_data(int side, const Piece& piece) override;
    void on_gap(int side, uint64_t bytes) override;
    void on_fin(int side) override;
    void on_disorder() override { pairing_.stop(); }
    void on_conflict(int side) override;
    void on_mistake(int side) override;
    void on_midway(int side) override;
    void on_end(End end) override;

    void set_client(int side) {
        if (client_ < 0) client_ = static_cast<int8_t>(side);
    }
    int client() const { return client_; }
    std::string_view protocol() const;
    bool carries_deliveries() const { return carries_deliveries_; }
    uint64_t messages(bool request) const { return (request ? request_ : response_).messages; }
    const ConnectionId& id() const { return id_; }
    // Bytes of what was said and is not told yet.
    uint64_t kept() const;
    const Endpoint& receiver() const { return ends_[client_ == 1 ? 0 : 1]; }
    const Endpoint& destination() const { return ends_[client_ == 1 ? 1 : 0]; }

 private:
    enum class State : uint8_t {
        start,    // a message begins with the next byte
        probing,  // too few bytes to tell whether they begin one
        head,
        deciding,  // a response to an unknown request: the next bytes tell whether it has a body
        body,
        trailers,
        lost,     // bytes are passed over until a segment begins like a message
        ignored,  // not HTTP, for good
        tunnel,
    };
    // One direction, reading its messages.
    struct Reader {
        explicit Reader(bool request) : is_request(request) {}
        const bool is_request;
        State state = State::start;
        bool joining = false;       // joined midway: its first bytes come now
        bool resyncing = false;     // this message was found by its look
        bool line_checked = false;  // the start line is whole and right
        bool simple = false;        // a request line without a version: ends with its line, or its head
        bool any = false;           // a message was recognised before
        uint32_t messages = 0;
        BodyReader body;
        Framing framing;               // while deciding
        bool decides_at_turn = false;  // what decides came when the client had spoken
        HeadScanner scanner;
        std::unique_ptr<MessageDraft> draft;
        uint8_t blank_size = 0;
        char blank[4];  // the empty lines before the first message: what is none may be known by them

        bool reads_head() const { return state == State::probing || state == State::head; }
        void keep_blank(std::string_view bytes) {
            blank_size += static_cast<uint8_t>(bytes.copy(blank + blank_size, sizeof blank - blank_size));
        }
    };

    Reader& reader(int side) { return side == client_ ? request_ : response_; }
    void begin_midway(int side);
    void end_unknown_response(bool heard);
    bool settle_roles(int side, const Piece& piece);
    void read(Reader& r, Piece piece);
    // Each reads some of the piece and says how many bytes, or goes to another state.
    size_t step(Reader& r, const Piece& piece);
    size_t read_start(Reader& r, const Piece& piece);
    size_t read_probe(Reader& r, const Piece& piece);
    size_t read_head(Reader& r, const Piece& piece);
    size_t read_deciding(Reader& r, const Piece& piece);
    void finish_deciding(Reader& r, bool whole);
    size_t read_body(Reader& r, const Piece& piece);
    size_t read_trailers(Reader& r, const Piece& piece);
    size_t read_lost(Reader& r, const Piece& piece);
    static bool begins_turn(const Piece& piece);

    void begin(Reader& r, const Piece& piece);
    size_t reject(Reader& r, const Piece& piece);
    bool legacy_answer(Reader& r);
    // `cut`: the head's end is missing.
    bool take_head(Reader& r, const ParsedHead& parsed, Framing& framing, bool cut = false);
    // `request_line`: as the record has it.
    void take_request(Reader& r, const ParsedHead& head, std::string_view request_line, Framing& framing);
    void take_response(Reader& r, const ParsedHead& head, Framing& framing);
    void after_head(Reader& r, const Framing& framing, Nanos time);
    void start_body(Reader& r, const Framing& framing, Nanos time);
    void keep_body(MessageDraft& draft, std::string_view bytes);
    void take_trailers(MessageDraft& draft);
    void finish_message(Reader& r, Incomplete incomplete, Nanos time);
    void finish_unfinished(Reader& r, Incomplete incomplete);
    static Incomplete end_at_close(const MessageDraft& draft, Incomplete incomplete);
    void finish_cut_head(Reader& r, Incomplete incomplete);
    void finish_simple_request();
    void abandon(Reader& r);
    void lose_sync(Reader& r, uint64_t bytes);
    void lose_count(const Reader& r);
    void resume_pairing(const Piece& piece);
    void become_tunnel(std::string_view how);
    void ignore_all();
    void say_not_http(std::string_view bytes);
    void count_exchange(MessageDraft& draft, Incomplete incomplete, Nanos time);
    void emit(Reader& r, Incomplete incomplete);
    void end_draft(Reader& r);
    void charge(MessageDraft& draft);
    // Where memory is scarce: bytes that this connection may still keep.
    uint64_t rest_of_share() const;

    HttpContext& context_;
    Endpoint ends_[2];
    ConnectionId id_;
    int8_t client_;
    int8_t last_side_ = -1;                  // who sent the last bytes
    uint8_t midway_ = 0;                     // a bit for each side that was joined midway and said nothing since
    std::string_view protocol_ = "unknown";  // what it is, where it is not HTTP
    bool said_not_http_ = false, tunnel_ = false, seen_http_ = false;
    bool carries_deliveries_ = false;  // a head had Tcp-Sniffer-Delivery
    int8_t undecided_side_ = -1;       // who sent bytes that could begin a response, too few to tell
    uint8_t undecided_size_ = 0;
    char undecided_[8];
    Reader request_{true}, response_{false};
    Pairing pairing_;
    Nanos time_ = 0;
};

}  // namespace sniffer
