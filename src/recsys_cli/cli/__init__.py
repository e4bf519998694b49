"""The command line: parses, calls the library, renders; the only place that prints or exits."""
