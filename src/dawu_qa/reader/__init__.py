"""From passages to the exact words of the answer, and whether there is an answer at all."""
