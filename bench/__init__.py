"""What the sniffer costs, beside what others cost that do a part of its job: `scripts/bench`."""
