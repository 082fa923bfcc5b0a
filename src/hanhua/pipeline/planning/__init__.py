"""What a recipe would take before anything runs: hours, money, memory, disk, job scripts, a recipe to begin with."""
