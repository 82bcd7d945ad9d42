"""The product, one Django app; `api/urls.py` is its table of contents."""
