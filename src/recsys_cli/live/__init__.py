"""Events that arrive while serving: what they are, and the log that keeps them."""
