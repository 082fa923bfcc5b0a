"""Back to a model that answers: what tuning taught the instruct model, added to the adapted base (a chat vector)."""
