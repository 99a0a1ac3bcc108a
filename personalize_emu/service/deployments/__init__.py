"""Campaigns and recommenders."""
