"""How records get through the rules: read in order, judged in processes, spooled to disk, resumed after a kill."""
