"""What sells now."""
