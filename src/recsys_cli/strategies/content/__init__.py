"""Items by text and picture."""
