"""The base of every chapter's widget: state as traits, one update, views beside controls, a static twin."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, DTypeError, ShapeError
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.front_end import TURN


class ChapterWidget(ipywidgets.VBox):  # type: ignore[misc]
    """Keep state traits, controls and views in step.

    A subclass marks its state traits with ``.tag(state=True)``, builds its panels of controls and its views,
    hands both to `start()`, and computes everything else in `update()`. A control with the name of a state
    trait is bound to it both ways. A state that `update()` refuses with a `CnnkitError` is taken back: Python
    callers get the error, learners a sentence below the control that they moved; the last good picture stays.
    """

    def __init__(self, **state: Any) -> None:
        self._quiet = True
        self._good: dict[str, Any] = {}
        self._panels: tuple[Controls, ...] = ()
        super().__init__(**state)
        self.add_class("cnnkit-chapter-widget")

    def update(self) -> None:
        """Compute the results and hand them to the views; raise CnnkitError when the state is refused."""
        raise NotImplementedError

    def digest(self) -> str:
        """Return the numbers on display as text: the twin for where no browser runs, compared by nbval."""
        raise NotImplementedError

    def draw(self, figure: Any) -> None:
        """Draw the same picture on a matplotlib figure, for where no kernel runs."""
        raise NotImplementedError

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture, (width, height)."""
        return 10.0, 3.6

    def start(self, panels: Sequence[Controls], children: Sequence[ipywidgets.Widget]) -> None:
        """Lay out `children` from top to bottom, bind the controls of `panels`, compute once."""
        self.children = tuple(children)
        self._panels = tuple(panels)
        for panel in panels:
            panel.on_change(partial(self._control_moved, panel))
        self.observe(self._state_changed, list(self._state_names()))
        self._quiet = False
        self._refresh()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Set several state traits inside, compute once at the end."""
        with TURN:
            if self._quiet:
                yield
                return
            self._quiet = True
            try:
                yield
            finally:
                self._quiet = False
            self._refresh()

    def _state_names(self) -> tuple[str, ...]:
        return tuple(self.trait_names(state=True))

    def _state_changed(self, change: Any) -> None:
        with TURN:
            if not self._quiet:
                self._refresh()

    def _refresh(self) -> None:
        """Compute; when the state is refused, go back to the last good one and raise."""
        self._quiet = True
        try:
            self.update()
        except CnnkitError:
            for name, value in self._good.items():
                setattr(self, name, value)
            self._show_state()
            raise
        else:
            self._good = {name: getattr(self, name) for name in self._state_names()}
            self._show_state()
        finally:
            self._quiet = False

    def _show_state(self) -> None:
        """Write the state into the controls of the same names."""
        for panel in self._panels:
            bound = [name for name in self._state_names() if name in panel.values]
            panel.set(**{name: as_json(getattr(self, name)) for name in bound})

    def _control_moved(self, panel: Controls, name: str, value: Any) -> None:
        if self._quiet or name not in self._state_names():
            return
        panel.messages = {}
        try:
            setattr(self, name, value)
        except CnnkitError as error:
            panel.say(name, str(error))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from cnnkit.figures import png

        bundle = super()._repr_mimebundle_(**kwargs)
        picture = png(self.draw, size=self.picture_size())
        return {**bundle, "image/png": picture, "text/plain": self.digest()}


class FloatArray(traitlets.TraitType[Any, Any]):
    """A trait that holds a read-only array of floats with the axes it was declared with.

    A last axis named C may be left out: one channel is meant.
    """

    def __init__(self, *axes: str, dtype: type = np.float64) -> None:
        super().__init__(default_value=np.zeros([1] * len(axes), dtype))
        self.axes, self.dtype = axes, dtype

    def validate(self, obj: Any, value: Any) -> NDArray[Any]:
        """Return a copy of `value`; raises DTypeError for other than numbers, ShapeError for another rank."""
        if isinstance(value, np.ndarray) and value.dtype == self.dtype and not value.flags.writeable:
            array = value  # nobody can change it later, so nobody needs a copy
        else:
            array = self._copied(value)
        if self.axes[-1] == "C" and array.ndim == len(self.axes) - 1:
            array = array[..., np.newaxis]
        if array.ndim != len(self.axes) or not array.size:
            raise ShapeError(f"{self.name} has shape {array.shape}; expected ({', '.join(self.axes)})")
        return array

    def _copied(self, value: Any) -> NDArray[Any]:
        try:
            array: NDArray[Any] = np.array(value, dtype=self.dtype)
        except (TypeError, ValueError) as error:
            raise DTypeError(f"{self.name} holds {value!r}; expected numbers") from error
        array.flags.writeable = False
        return array


def as_json(value: Any) -> Any:
    """Return an array or a tuple as lists, anything else as it is."""
    if isinstance(value, tuple):
        return list(value)
    return value.tolist() if isinstance(value, np.ndarray) else value
