/*
 * Capture files as rows for statistics: packets, turns, connections.
 *
 * Apart from the capture of sniffer.h: no thread, no records. A call of sniffer_timing_read() reads
 * on in the files and returns when a batch is full. Calls on one handle come from one thread at a
 * time. The status codes are sniffer.h's.
 */
#ifndef SNIFFER_TIMING_H
#define SNIFFER_TIMING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stands for a time or a delay that there is none of. All times are nanoseconds since the Unix epoch. */
#define SNIFFER_TIMING_NONE INT64_MIN

typedef struct sniffer_timing sniffer_timing;

/* A TCP segment or UDP datagram on the ports. 64 bytes. */
typedef struct sniffer_timing_packet {
    int64_t time;
    int64_t delay;            /* since the packet before it in the files, whatever that was (ns) */
    int64_t connection_delay; /* since the packet before it of its connection (ns) */
    uint64_t number;          /* in its file, from 1, all packets counted */
    uint64_t connection;
    uint32_t file;      /* its place in the list of files */
    uint32_t interface; /* for sniffer_timing_interface(); 0: the file does not tell */
    uint32_t length;    /* bytes on the wire */
    uint32_t payload;   /* bytes behind the TCP or UDP header */
    uint8_t flags;      /* TCP's, RFC 9293 section 3.1 */
    uint8_t from_client;
    uint8_t nothing_new; /* its payload was seen before, or stands before bytes that were */
    uint8_t reserved[5];
} sniffer_timing_packet;

/* One side's bytes and the other's answer: it begins where the client sends after the server did. A
 * side that sent nothing has SNIFFER_TIMING_NONE for times. An interim response (1xx, RFC 9110
 * section 15.2) does not end the request's side. 72 bytes. */
typedef struct sniffer_timing_turn {
    uint64_t connection;
    int64_t request_first, request_last, response_first, response_last;
    uint64_t request_bytes, response_bytes;
    uint32_t request_packets, response_packets;
    uint32_t turn;   /* its place in the connection, from 0 */
    uint16_t status; /* of a response that begins like HTTP/1; else 0 */
    uint16_t reserved;
} sniffer_timing_turn;

/* One connection: its packets between a SYN and the next one of its ends, or for UDP all packets
 * between two ends. `sides`: [0] the client's. 96 bytes. */
typedef struct sniffer_timing_connection {
    uint64_t connection;
    int64_t first, last;
    uint64_t packets[2], bytes[2], nothing_new[2]; /* bytes: of new payload */
    uint64_t first_number;                         /* of its first packet, in first_file */
    uint32_t first_file, turns;
    uint16_t client_port, server_port;
    uint8_t protocol; /* 6: TCP, 17: UDP */
    uint8_t flags;    /* every packet's TCP flags or-ed */
    uint8_t evicted;  /* given up for room: later packets count as another connection */
    uint8_t reserved;
} sniffer_timing_connection;

/* Rows of each kind, owned by the handle, valid until the next call on it. The texts are UTF-8, one
 * after the other: that of row i is text[offsets[i]] to text[offsets[i + 1]]. */
typedef struct sniffer_timing_batch {
    const sniffer_timing_packet* packets; /* none without SNIFFER_TIMING_PACKETS */
    const sniffer_timing_turn* turns;
    const sniffer_timing_connection* connections; /* at their end */
    uint64_t packet_count, turn_count, connection_count;
    const char* request_text; /* "METHOD target" of a turn's HTTP/1 request; empty where it is none */
    const uint32_t* request_offsets;
    const char* address_text; /* "client server" of a connection */
    const uint32_t* address_offsets;
} sniffer_timing_batch;

/* What the files held, each packet under one name: received is the sum of the others. */
typedef struct sniffer_timing_counts {
    uint64_t received;
    uint64_t used; /* the rows */
    uint64_t other_port, filtered, not_ip, other_protocol, malformed, fragment, loopback_copy;
    uint64_t evicted; /* connections, no packets */
} sniffer_timing_counts;

/* For sniffer_timing_open(): packet rows too, not only turns and connections. */
enum { SNIFFER_TIMING_PACKETS = 1 };

/* Opens the files. `config` as for sniffer_open(): `ports`, `captureFilter` and `replay.files` are
 * read; they are taken as one stream, in the order given. On failure *out is NULL and `error` (of
 * `capacity` bytes, always terminated) says why. */
int sniffer_timing_open(const char* config, uint32_t flags, sniffer_timing** out, char* error, size_t capacity);

/* The time of a file's first packet, SNIFFER_TIMING_NONE where it holds none; `error` as above. */
int sniffer_timing_begin(const char* path, int64_t* time, char* error, size_t capacity);

/* Writes those packets of one capture file that belong to `flows` to `path`, as a capture file that
 * gives the same rows of them: payload that no row depends on is left out. `config` as above, with one
 * file; `flows`: lines of "protocol address port address port", in either direction. */
int sniffer_timing_cut(const char* config, const char* flows, const char* path, char* error, size_t capacity);

/* Reads on. SNIFFER_OK: *batch is filled; with no row of any kind the files are at their end. */
int sniffer_timing_read(sniffer_timing* handle, sniffer_timing_batch* batch);

void sniffer_timing_count(sniffer_timing* handle, sniffer_timing_counts* counts);

/* The name of a packet's interface: as pcapng has it (if_name), or where the link layer has the kernel's
 * index (Linux cooked v2) that, in decimal. Numbers are given from 1 on; NULL for one that was not (yet).
 * Valid until sniffer_timing_close(). */
const char* sniffer_timing_interface(sniffer_timing* handle, uint32_t number);

/* The sentence of the last failed call, valid until the next one. Never NULL. */
const char* sniffer_timing_error(sniffer_timing* handle);

/* NULL is allowed. */
void sniffer_timing_close(sniffer_timing* handle);

#ifdef __cplusplus
}
#endif
#endif
