"""What a page looks like, as a few dozen numbers, and what they say of it: left over, or written to sell."""
