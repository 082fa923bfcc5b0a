"""The release folder, what its licenses ask for, and publishing it."""
