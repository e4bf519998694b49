"""Candidates of several sources, features of users and items, and what orders them."""
