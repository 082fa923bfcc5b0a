"""What the filter has to say for itself: counts, samples, histograms, a page for people and one for programs."""
