"""The traceback of an error in the user's code, without the frames that led there."""

import os
import traceback
from types import TracebackType

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IMPORT_MACHINERY = os.sep + os.path.join("importlib", "__init__.py")


def render(error: BaseException) -> str:
    """The traceback as Python prints it, from the first frame that is the user's."""
    frames = error.__traceback__
    while frames is not None and _leads_there(frames):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip("\n")


def _leads_there(frame: TracebackType) -> bool:
    file = frame.tb_frame.f_code.co_filename
    return file.startswith((_HERE, "<frozen importlib")) or file.endswith(_IMPORT_MACHINERY)
