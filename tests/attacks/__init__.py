"""Traffic that is made to be expensive, and what it costs the engine."""
