"""Strategies behind one contract, the fallback chain and batch output."""
