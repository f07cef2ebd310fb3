"""The exit codes of the commands."""

OTHER, CONFIGURATION, INTERFACE, REFUSED, LIBRARY, DRAIN_TIMED_OUT = range(1, 7)

MEANINGS = {
    0: "what was asked for is done; SIGTERM and SIGINT end a capture so",
    OTHER: "another failure, which stderr or the log names: a file that cannot be read, a full disk behind stdout",
    CONFIGURATION: "an option or the configuration is wrong; every mistake is named",
    INTERFACE: "the interface is not there, or went away",
    REFUSED: "the system refused the capture; most often NET_RAW is missing",
    LIBRARY: "the engine's library cannot be loaded",
    DRAIN_TIMED_OUT: "shutdownTimeoutMs passed while records were not delivered; the last line of the log counts them",
}
