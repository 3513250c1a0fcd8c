"""The use cases, each short enough to read aloud."""
