"""What is done with recorded files: listing, checking, merging and anonymising them."""

from __future__ import annotations
