"""Fitting, choosing thresholds, measuring, and the model card; one module a backend."""
