"""When a score can be trusted: calibration of predictions on features of a model."""
