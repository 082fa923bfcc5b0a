"""What reports, cards and the console show of a run's scores: rows, tables, plots."""
