"""Test cases for third parties."""
