"""Measurements of the harness itself; each is a module that is run by hand."""
