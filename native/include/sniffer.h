/*
 * The whole C ABI of the capture engine.
 *
 * One handle is one capture: packets in, batches of finished records (JSON lines) out. A capture
 * thread of the engine's own does all the work; every call here is cheap and never waits for it,
 * except sniffer_close, which joins it. Calls on one handle come from one thread at a time.
 *
 * No exception and no abort crosses this boundary: calls return a code of sniffer_status, and
 * sniffer_last_error() holds the sentence that belongs to it.
 */
#ifndef SNIFFER_H
#define SNIFFER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SNIFFER_ABI_VERSION 1

/* What a call, or the capture itself, ended with. */
typedef enum sniffer_status {
    SNIFFER_OK = 0,
    SNIFFER_INTERNAL = 1,     /* out of memory, or a fault of the engine's own */
    SNIFFER_CONFIG = 2,       /* the configuration, a filter that does not compile included */
    SNIFFER_NO_INTERFACE = 3, /* no such interface, or none that is up */
    SNIFFER_REFUSED = 4,      /* the system refused the capture: permission, or libpcap's own reason */
    SNIFFER_STATE = 5,        /* the call does not fit the handle's state (started twice, ...) */
    SNIFFER_FILE = 6,         /* a capture file is absent, cut or of no known format */
    SNIFFER_LOST = 7          /* the capture ended by itself: the interface went away */
} sniffer_status;

typedef struct sniffer_handle sniffer_handle;

/* Flags of one record. */
enum {
    SNIFFER_RECORD_RESPONSE = 1,     /* a response; neither this nor CONNECTION: a request */
    SNIFFER_RECORD_CONNECTION = 2,   /* a connection's end (outputConnections) */
    SNIFFER_RECORD_SELF_DELIVERY = 4 /* a sniffer's own delivery, what may answer one, and the end of a connection
                                        that carried one: never to be delivered by POST */
};

/* One record's place in its batch. */
typedef struct sniffer_record {
    uint64_t offset; /* bytes from the batch's start */
    uint32_t length; /* bytes, the closing line feed included */
    uint32_t flags;
} sniffer_record;

/* Whole records, one JSON line each, one after the other. Owned by the engine; valid until
 * sniffer_release() gets this batch, also after later sniffer_read() calls. */
typedef struct sniffer_batch {
    const char* data;
    uint64_t size; /* bytes */
    const sniffer_record* records;
    uint64_t count;
    uint32_t flags; /* every record's flags or-ed */
    void* owner;    /* the engine's own; not to be touched */
} sniffer_batch;

/* SNIFFER_ABI_VERSION of the library that is loaded. */
int sniffer_abi_version(void);

/* Opens the capture (live: the kernel ring exists when this returns; replay: the first file is
 * checked). `config` is the effective configuration as JSON text: the fields of
 * sniffer.schema.json under their own names, and beside them `source` {pod, namespace, node} and,
 * for a replay, `replay` {files: [path, "-" for stdin], speed: 0 for as fast as possible, 1 for
 * the recorded pace}. Copied before the call returns. On failure *out is NULL and `error`
 * (of `capacity` bytes, always terminated) says why. */
int sniffer_open(const char* config, sniffer_handle** out, char* error, size_t capacity);

/* Starts the capture thread. SNIFFER_STATE when it was started before. */
int sniffer_start(sniffer_handle* handle);

/* From now on no connection that has this local end is captured: the caller's own deliveries.
 * `address` is numeric, IPv4 or IPv6; call it between bind() and connect(). At most 1024 ends
 * are kept: of more, those go first that sniffer_include named, then the oldest. */
int sniffer_exclude(sniffer_handle* handle, const char* address, uint16_t port);

/* The socket of an excluded end is about to be closed; call it before close(). What that connection
 * still says (its FIN, what is sent again) is not captured for another 60 s; a connection that
 * begins after this call is, for others may get the port. An end that is not excluded is none to
 * include: SNIFFER_OK. */
int sniffer_include(sniffer_handle* handle, const char* address, uint16_t port);

/* An eventfd, owned by the handle: readable when there are batches, events or a changed state to
 * read. The reader resets it by reading 8 bytes. */
int sniffer_event_fd(sniffer_handle* handle);

/* Takes the oldest finished batch. 1: *batch is filled; 0: none is there. Each batch that was
 * taken must be given back by sniffer_release(), before sniffer_close(). */
int sniffer_read(sniffer_handle* handle, sniffer_batch* batch);

/* Gives a batch back; from any thread. */
void sniffer_release(sniffer_handle* handle, sniffer_batch* batch);

/* Log events since the last call, as JSON lines ({"event": "gap", ...}), into `buffer`. Of a kind 20
 * are kept; how many more there were stands in {"event": "withheld", "kind": "gap", "lines": 380}.
 * Returns the bytes written (0: none); at most `capacity`, whole lines only. */
size_t sniffer_read_events(sniffer_handle* handle, char* buffer, size_t capacity);

/* The ledger and the gauges as one JSON object. Returns the bytes needed, the closing NUL
 * included; nothing is written when that is more than `capacity`. */
size_t sniffer_stats(sniffer_handle* handle, char* buffer, size_t capacity);

/* Counters and histograms of the exchanges so far, by side, receiver port, method and status, as one
 * JSON object: {"bounds": {"latency": [s], "duration": [s], "size": [bytes]}, "series": [{"side",
 * "port", "method", "status", "exchanges", "latency": {"counts", "sum"}, "duration", "requestSize",
 * "responseSize"}]}; the series beyond the bound together, with "other": true. Same returns as
 * sniffer_stats. */
size_t sniffer_exchanges(sniffer_handle* handle, char* buffer, size_t capacity);

/* For a process that does nothing but sniff, once its capture is open: the calling thread, and those that it starts
 * later, give up what they do not need for good (capabilities, new privileges, most system calls, as the capture's own
 * threads do by themselves), and the process leaves no core dumps. SNIFFER_REFUSED, with the reason in `error`, where
 * the system can't do that; then a part may be done. */
int sniffer_confine(char* error, size_t capacity);

/* Asks the capture to end: what the kernel holds is still read, open messages come out with their
 * incompleteReason. Returns at once; sniffer_finished() tells when the last batch can be read. */
int sniffer_stop(sniffer_handle* handle);

/* 0 while the capture thread runs. Else 1, and *status holds how it ended: SNIFFER_OK after a
 * stop or at the files' end. */
int sniffer_finished(sniffer_handle* handle, int* status);

/* The sentence of the last failed call or of the capture's end, owned by the handle, valid until
 * the next call on it. Never NULL. */
const char* sniffer_last_error(sniffer_handle* handle);

/* One sentence per status code. Static. */
const char* sniffer_status_text(int status);

/* What the engine settled on at sniffer_open(), as one JSON object: {"interface", "loopback",
 * "linkType", "addresses": [...], "filter", "bufferSize"}. Same returns as sniffer_stats. */
size_t sniffer_describe(sniffer_handle* handle, char* buffer, size_t capacity);

/* Whether `config`, as sniffer_open() takes it, is one, its filters compiled as for Ethernet. Opens nothing. */
int sniffer_check(const char* config, char* error, size_t capacity);

/* The machine's interfaces as a JSON array of {"name", "up", "loopback", "addresses"}; needs no
 * handle. Same returns as sniffer_stats. */
size_t sniffer_interfaces(char* buffer, size_t capacity);

/* Stops if need be, joins the capture thread, frees everything. NULL is allowed. */
void sniffer_close(sniffer_handle* handle);

#ifdef __cplusplus
}
#endif
#endif
