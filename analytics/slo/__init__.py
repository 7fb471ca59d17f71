"""Promises and error budgets."""
