"""Events as what users had: weights, pairs, interactions, histories, labels."""
