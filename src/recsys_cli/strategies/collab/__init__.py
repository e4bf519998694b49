"""Matrix factorisation by ALS, its exchange formats and folding in."""
