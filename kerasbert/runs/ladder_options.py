"""The options of a ladder, checked before anything is read."""

from dataclasses import dataclass, fields

from kerasbert.errors import ConfigError
from kerasbert.runs.distill_options import DistillOptions
from kerasbert.runs.ladder import NO_LOSS, OF_STUDENT

FREE = ("resume", "save_minutes", "strategy", "accumulate", "soft_labels")
"""Options that may change when a ladder goes on."""
OF_DATA = ("dev", "unlabelled", "columns", "settings")
"""Options that say where examples come from; a ladder keeps the hashes of these. A student has no settings."""
OF_TEACHING = ("alpha", "temperature", "augment")
"""Options that `kerasbert.runs.teaching.Teaching` keeps with the values that they have if they are not given."""


@dataclass(frozen=True, kw_only=True)
class LadderOptions(DistillOptions):
    """How the students of a ladder learn. `train`, `dev` and `unlabelled` are files.

    Raises:
        ConfigError: a value that no ladder can have, or two that do not go together.
    """

    size: int | None = None
    """Size of the vectors of the static student; None: 256, or the teacher's width if that is less or the vectors are
    the answers."""
    compare: bool = True
    """Whether to make further students, which tell what ReLU, half the width, narrow tables and a pruned vocabulary are
    worth (`kerasbert.runs.ladder.STEPS`)."""
    max_drop: float = 2.0
    """Points of the headline figure on `dev` that an int8 file may lose. A file that loses more is replaced by one of
    float16. It is the task's headline figure, whatever `metric` says."""

    def __post_init__(self):
        super().__post_init__()
        if self.metric == "loss":
            raise ConfigError(f"metric is loss: {NO_LOSS}")
        given = next((name for name in OF_STUDENT if getattr(self, name) is not None), None)
        if given:
            raise ConfigError(f"{given}: each rung of a ladder has its own (kerasbert.runs.ladder); leave it out")

    @property
    def recipe(self) -> dict:
        """What a ladder must keep to be the same ladder, as far as options say it."""
        apart = {*OF_STUDENT, *FREE, *OF_DATA, *OF_TEACHING}
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in apart}

    def of_student(self, **changes) -> DistillOptions:
        """The options of one student."""
        values = {each.name: getattr(self, each.name) for each in fields(DistillOptions)}
        return DistillOptions(**{**values, **changes})
