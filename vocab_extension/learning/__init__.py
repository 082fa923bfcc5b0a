"""Which tokens to add: counting a corpus, continued BPE over the counts, and what may become a token."""
