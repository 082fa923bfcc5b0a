"""Whether an extension leaves all other text as it was: theorems from the files, trials, and a certificate."""
