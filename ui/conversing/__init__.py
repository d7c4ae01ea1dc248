"""Scripted conversations: read a script, play it on a target, tell where it differs. Importing this loads nothing."""
