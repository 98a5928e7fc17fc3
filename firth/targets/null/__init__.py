"""The null target: runs nothing, counts nodes."""
