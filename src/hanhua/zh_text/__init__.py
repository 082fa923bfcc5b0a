"""Chinese text: script classes, Simplified or Traditional, segmentation, folding, lexicon matching."""
