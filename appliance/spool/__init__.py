"""What a collector did not take, on disk until it does. SQLite is imported only where `outputSpool` is on."""
