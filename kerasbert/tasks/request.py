"""What a caller asks for besides an answer to texts: settings to answer with, and how much of an answer to see."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from kerasbert.errors import ConfigError
from kerasbert.schema import part_from_json
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class Request:
    """How one call is answered.

    Attributes:
        task: the task. settings: its settings, with the call's own values.
        choice: how much of each answer to show; None: the usual answer.
    """

    task: Task
    settings: object
    choice: Choice | None = None

    @classmethod
    def of(cls, task: Task, settings, named: Mapping) -> tuple["Request", dict]:
        """Parts the named arguments of a call.

        Args:
            settings: the model's settings.
            named: columns of texts by field name; settings that the task answers with, such as `num_beams`; fields of
                `Choice`, such as `top_k`. None means that a value is not given.

        Returns:
            The request, and the columns.

        Raises:
            ConfigError: a value is not allowed, or means nothing to the model.
        """
        own, chosen, columns = {}, {}, {}
        for name, value in named.items():
            if is_answering(task, name):
                own |= {} if value is None else {name: _plain(value)}
            elif name in Choice.__dataclass_fields__:
                chosen |= {} if value is None else {name: value}
            else:
                columns[name] = value
        known = task.choices(settings)
        strange = [name for name in chosen if name not in known]
        if strange:
            others = f"; {', '.join(known)} would" if known else ""
            raise ConfigError(f"{strange[0]} means nothing to this model, for {task.name}{others}")
        try:
            own = part_from_json(task.Settings, own)
            choice = Choice(**part_from_json(Choice, chosen)) if chosen else None
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return cls(task=task, settings=answering_with(settings, own), choice=choice), columns

    def answer(self, answered: Answered):
        """The answer that follows from an example's outputs."""
        asked = (answered.example, answered.rows, answered.outputs, self.settings)
        return self.task.decode(*asked) if self.choice is None else self.task.choose(*asked, self.choice)


def answering_with(settings, given: Mapping):
    """A model's settings with the values of one call, which count together.

    Raises:
        ConfigError: a value is not allowed, or has no effect beside the others.
    """
    found = dataclasses.replace(settings, **given) if given else settings
    for name in given:
        needed = settings.__dataclass_fields__[name].metadata.get("needs")
        if needed and not getattr(found, needed):
            raise ConfigError(f"{name} has no effect without {needed}")
    return found


def is_answering(task: Task, name: str) -> bool:
    """Whether a task has a setting of this name with which a model can answer otherwise than it was saved."""
    field = task.Settings.__dataclass_fields__.get(name)
    return field is not None and field.metadata.get("answering", False)


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
