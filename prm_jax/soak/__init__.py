"""Killing real commands at random moments, and checking what they come to."""
