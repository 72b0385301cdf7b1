"""Killing real trainings and scorings at random moments, and checking what they come to."""
