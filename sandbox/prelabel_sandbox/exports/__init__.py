"""What an export says about a data row: which rows it has, and labels in the form of Labelbox's exports.

Source: docs/reference/labelbox-api.md#2-12. Nothing here knows requests, the store or files.
"""
