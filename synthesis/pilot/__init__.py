"""The pilot: a few hundred requests tell what the whole would cost, and show what comes out."""
