"""Measuring the mind on judged questions: what it answers, refuses, cites, rewrites, and what it can be talked into."""
