"""Errors that are the user's to mend."""


def one_line(text: str) -> str:
    """Return a message in one line; what is not printable, such as a terminal's commands, is escaped."""
    folded = " ".join(text.split())
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in folded)


class UserError(Exception):
    """A mistake in what the user gave us: said in one line on stderr, exit status 2, no traceback.

    The message names the file, the record and the field where there are any, says what was expected, and
    what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class DatasetNotFoundError(UserError):
    """A source folder or file that should be there is not; the message says how to obtain it."""
