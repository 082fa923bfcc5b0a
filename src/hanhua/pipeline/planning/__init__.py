"""Planning before anything runs: hours, cost, memory, disk, job scripts, a first recipe."""
