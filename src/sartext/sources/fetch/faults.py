"""What the disk or the system refuses, said in one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sartext.core.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def plain_faults(place: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `UserError` of one line.

    Args:
        place: the file or folder that is worked on, named where the error names none.

    Raises:
        UserError: the block met a full disk, a folder that may not be written, a file in a folder's place
            and the like.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read what is said has gone, which is nobody's fault
    except OSError as error:
        said = error.strerror or str(error) or type(error).__name__
        if error.errno in _FULL:
            raise UserError(f"{place}: the disk is full ({said}); free some and run the same again") from None
        raise UserError(
            f"{error.filename2 or error.filename or place}: {said}; see what is there and who may read and "
            "write it, and run the same again"
        ) from None
