"""Interactions, factors and rankers: numpy arrays in, numpy arrays out."""
