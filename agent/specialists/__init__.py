"""Specialists as the mind uses them: what they are trained on, examined by, and asked with."""
