"""Raw files in, canonical tables out; the only package that knows one dataset from another."""
