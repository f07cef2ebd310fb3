"""Python's doors to what strangers write, each an atheris program; `run` gives every one so many seconds."""
