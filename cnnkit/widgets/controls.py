"""Controls: a panel of labelled native inputs, declared in Python."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import traitlets

from cnnkit.errors import CnnkitError, OptionError
from cnnkit.widgets.control_kinds import Control, File
from cnnkit.widgets.front_end import FrontEnd

HERE = Path(__file__).parent
ChangeHandler = Callable[[str, Any], None]
FileHandler = Callable[[str, bytes], None]


class Controls(FrontEnd):
    """Show native inputs, each with its label, and keep their values in one dict.

    The browser has one message in flight: what the learner moves meanwhile is merged, and only the latest
    value of each input follows. `values` may be set from Python, too; it is checked either way.

    Attributes:
        values: name -> value of every control.
        disabled: names of the controls that are greyed out.
        messages: name -> a sentence below the control, spoken when it changes.
        label: the accessible name of the panel.
    """

    _esm = HERE / "controls.js"
    _css = HERE / "controls.css"

    _specs = traitlets.List(traitlets.Dict()).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    disabled = traitlets.List(traitlets.Unicode()).tag(sync=True)
    messages = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, controls: Sequence[Control], *, label: str, **traits: Any) -> None:
        self._controls: dict[str, Control] = {}
        self._on_change: list[tuple[ChangeHandler, frozenset[str]]] = []
        self._on_file: dict[str, FileHandler] = {}
        self._upload = bytearray()
        super().__init__(label=label, **traits)
        self.replace(controls)
        self.observe(self._tell, "values")
        self.on_msg(self._receive)

    def replace(self, controls: Sequence[Control]) -> None:
        """Show other controls; one that keeps its name and still accepts its value keeps that value.

        Raises OptionError when two controls share a name or one starts with a value it does not accept.
        """
        names = [control.name for control in controls]
        if len(set(names)) != len(names):
            raise OptionError(f"controls are named {names}; expected every name once")
        values = {control.name: self._kept(control) for control in controls}
        self._controls = {control.name: control for control in controls}
        with self.hold_sync():
            self._specs = [control.description() for control in controls]
            self.values = values

    def set(self, **values: Any) -> None:
        """Change some values in one message; raises OptionError for an unknown name or a refused value."""
        self.values = {**self.values, **values}

    def __getitem__(self, name: str) -> Any:
        """Return the value of the control called `name`."""
        return self.values[name]

    def on_change(self, handler: ChangeHandler, *names: str) -> None:
        """Call ``handler(name, value)`` whenever one of the named controls, or any, has a new value."""
        self._known(names)
        self._on_change.append((handler, frozenset(names)))

    def on_file(self, name: str, handler: FileHandler) -> None:
        """Call ``handler(filename, data)`` with each file that the learner brings to the `File` `name`."""
        self._known([name])
        self._on_file[name] = handler

    def say(self, name: str, message: str) -> None:
        """Show and speak `message` below the control called `name`; an empty one takes it away."""
        self._known([name])
        self.messages = {**self.messages, name: message}

    def digest(self) -> str:
        """Return every control with its value, for where no browser runs."""
        return "; ".join(f"{control.label}: {self.values[name]}" for name, control in self._controls.items())

    def _kept(self, control: Control) -> Any:
        if control.name not in self.values:
            return control.initial()
        try:
            return control.check(self.values[control.name])
        except OptionError:
            return control.initial()

    def _known(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self._controls]
        if unknown:
            raise OptionError(
                f"no control is called {unknown[0]!r}; expected one of {', '.join(self._controls)}"
            )

    @traitlets.validate("values")
    def _check_values(self, proposal: Any) -> dict[str, Any]:
        self._known(list(proposal.value))
        return {
            name: control.check(proposal.value.get(name, self.values.get(name, control.initial())))
            for name, control in self._controls.items()
        }

    def _tell(self, change: Any) -> None:
        for name, value in change.new.items():
            if name in change.old and change.old[name] == value:
                continue
            for handler, names in tuple(self._on_change):
                if not names or name in names:
                    handler(name, value)

    def _receive(self, _widget: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Apply what the learner did; in any case the browser hears that it may send the next message."""
        try:
            if content["kind"] == "edit":
                self._apply(content["changes"])
            elif content["kind"] == "file":
                self._collect(content, bytes(buffers[0]))
        finally:
            whole = content["kind"] == "file" and not self._upload
            self.send({"kind": "done", "file": content["name"] if whole else ""})

    def _apply(self, changes: dict[str, Any]) -> None:
        accepted = {}
        for name, value in changes.items():
            if name not in self._controls:
                continue  # on its way when `replace` took the control away
            try:
                accepted[name] = self._controls[name].check(value)
            except OptionError as error:
                self.say(name, str(error))
        with self.hold_sync():  # the browser knows these values: first it gets what the handlers compute
            self.set(**accepted)

    def _collect(self, part: dict[str, Any], data: bytes) -> None:
        """Join the parts of a file: the server closes the connection on a message above 10 MB."""
        control = self._controls[part["name"]]
        if part["start"] == 0:
            self._upload.clear()
        self._upload += data
        if not isinstance(control, File) or len(self._upload) > control.max_bytes:
            self._upload.clear()
            self.say(control.name, f"{part['filename']} is too large.")
        elif len(self._upload) == part["size"]:
            whole = bytes(self._upload)
            self._upload.clear()
            self._deliver(control.name, part["filename"], whole)

    def _deliver(self, name: str, filename: str, data: bytes) -> None:
        handler = self._on_file.get(name)
        try:
            if handler:
                handler(filename, data)
            self.set(**{name: filename})
        except CnnkitError as error:
            self.say(name, f"{filename}: {error}")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": self.digest()}, metadata
