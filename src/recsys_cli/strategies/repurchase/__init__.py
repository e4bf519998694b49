"""What the user had before."""
