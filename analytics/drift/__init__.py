"""Drift: what has quietly become worse or better, since when, how badly, and why?"""
