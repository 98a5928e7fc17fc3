"""Bounds-checked readers and writers of files: nothing in a file is ever executed."""
