"""What is used of openpyxl's cells."""

from openpyxl import Sheet

class WriteOnlyCell:
    data_type: str
    def __init__(self, sheet: Sheet, value: object) -> None: ...
