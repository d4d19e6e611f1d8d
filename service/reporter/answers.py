"""The reporter's answers: see service.cases.answers (what they are) and service.files (reading them)."""

from service.cases.answers import EXAMPLE, Answers, parse_answers
from service.files import read_answers, read_file

__all__ = ["EXAMPLE", "Answers", "parse_answers", "read_answers", "read_file"]
