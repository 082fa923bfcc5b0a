"""Before and after: intervals, paired tests, verdicts and gates."""
