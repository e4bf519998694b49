"""Graph filtering."""
