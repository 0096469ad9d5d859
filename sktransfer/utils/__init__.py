"""Tools for those who write transfer estimators of their own."""
