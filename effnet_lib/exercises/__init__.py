"""The exercises of the book, one module a chapter: ``from effnet_lib.exercises import ch05``.

``ch05.round_channels.check(my_function)`` gives a verdict, ``.hint()`` a step, ``.solution()`` the solution.
How to write one: :func:`effnet_lib.exercises.engine.exercise`.
"""

from .compare import Tolerance
from .engine import Case, Exercise, case, exercise
from .verdict import Note, Verdict

__all__ = ["Case", "Exercise", "Note", "Tolerance", "Verdict", "case", "exercise"]
