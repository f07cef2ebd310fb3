// A thread that gives up what it does not need: it reads what strangers send.
#pragma once

#include <string>

namespace sniffer {

// For good, for the calling thread and those that it starts later: no capability, no new privileges (prctl(2)), and of
// the system calls (seccomp(2)) only those that a running sniffer makes: no other program, no other process, no packet
// socket, nothing that changes the system. What is refused fails with ENOSYS. Returns why that was not possible, as a
// sentence; empty where it was.
std::string confine_thread();

// The process's memory, with secrets of the traffic in it, is never written to a core dump.
void forbid_core_dumps();

}  // namespace sniffer
