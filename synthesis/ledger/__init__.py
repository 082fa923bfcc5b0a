"""The ledger: every request that was sent and every answer that came, in one file that only grows."""
