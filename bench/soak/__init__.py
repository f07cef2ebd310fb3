"""Hours of mixed traffic, with a collector that fails in every way and a sniffer that is stopped and killed."""
