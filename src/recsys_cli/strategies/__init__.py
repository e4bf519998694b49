"""What recommends, a folder each."""
