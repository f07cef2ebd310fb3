/* Capture files made into one: the recordings' part of the C ABI. */
#ifndef SNIFFER_RECORDINGS_H
#define SNIFFER_RECORDINGS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the packets of all files to one new file, in the order of their times, which within each file must not
 * fall. `request` is JSON text: {"files": [path], "output": path, "recording": {"format", "anonymize",
 * "anonymizeKey", "ports"}}, the latter as in sniffer.schema.json; `ports` are those that anonymising keeps. The
 * output must not be there yet; it is made readable for its owner alone. Returns a code of sniffer_status, and on
 * failure the sentence in `error` (of `capacity` bytes, always terminated); *packets is the number written. */
int sniffer_merge(const char* request, unsigned long long* packets, char* error, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
