"""Putting a picture into a notebook: the picture, its caption, and the caption as alternative text."""

from collections.abc import Callable
from typing import Any

from cnnkit.figures.style import png


def show(
    draw: Callable[..., None],
    *args: Any,
    caption: str,
    size: tuple[float, float] = (6.0, 3.0),
    **options: Any,
) -> None:
    """Display what ``draw(*args, figure_or_ax, **options)`` paints, with its caption below.

    `caption` (Markdown, one or two sentences with the key numbers) is also the picture's alternative text.
    `size` is (width, height) in inches at 96 dots per inch.
    """
    # Imported here: IPython is only there where a notebook is, and this call is only made there.
    from IPython.display import display

    picture = {"image/png": png(draw, *args, size=size, **options), "text/plain": caption}
    display(picture, raw=True, metadata={"image/png": {"alt": caption}})
    display({"text/markdown": f"*{caption}*", "text/plain": caption}, raw=True)
