"""What the base knew and should keep: measured while training, with a replay share that follows, and limits."""
