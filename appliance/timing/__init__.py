"""The timing of captures: `tcp-sniffer timing`.

The engine reads the files and finds packets, connections and turns; DuckDB does the statistics. None
of this is imported by the sniffer itself; it needs the extra `analysis`.
"""
