"""kerasbert distill: a task from a teacher that has one, an encoder from a teacher that has none."""

from pathlib import Path

import click
from click.core import ParameterSource

from kerasbert.cli import options
from kerasbert.cli.folders import opened
from kerasbert.cli.ladder import TEXTS, check_augment, check_metric, check_texts, make_ladder
from kerasbert.cli.numbers import Number
from kerasbert.config import ACTIVATIONS
from kerasbert.tasks import task_named

PACKAGE = "package"
"""What `--teacher` and `--student` call the encoder in the package."""
COUNT = click.IntRange(min=1)
WITH_TASK = (
    *("train", "augment", "alpha", "soft_labels", "layer_decay", "keep", "metric", "early_stopping", "average"),
    *("batch_tokens", "dev_sample", "static", "size"),
)
"""The options of a teacher with a task; names of columns are further ones."""
OF_ENCODER = (
    "loss",
    "relation_heads",
    "teacher_block",
    "soft_weight",
    "mlm_weight",
    "cosine_weight",
    "mask_rate",
    "steps",
)
"""The options of an encoder."""
LOSSES = ("relations", "triple")  # a test compares it with the table, which needs Keras


class Blocks(click.ParamType):
    """A number of blocks, or places with commas between them."""

    name = "blocks"

    def convert(self, value, parameter, context):
        if not isinstance(value, str):
            return value
        try:
            found = tuple(map(int, value.split(",")))
        except ValueError:
            self.fail(
                f"{value!r}: give a number of blocks, such as 2, or their places, such as 0,2,5", parameter, context
            )
        return found if "," in value else found[0]


def _path(name: str, text: str, **more):
    return click.option(name, type=click.Path(path_type=Path), help=text, **more)


STUDENT = (
    click.option(
        "--teacher",
        required=True,
        help=f"Folder or hub id of the model that teaches; {PACKAGE!r} is the encoder in the package.",
    ),
    _path("--train", "Labelled file of the teacher's task, to learn from beside the teacher's answers."),
    _path(
        "--unlabelled",
        "Texts without labels: .txt with one text per line, or any file of the task. For an encoder raw text, and "
        "repeatable.",
        multiple=True,
    ),
    _path("--dev", "Labelled file to measure on after each epoch. For an encoder raw text."),
    options.out,
    click.option(
        "--student",
        help=f"Folder or hub id that the student begins as; {PACKAGE!r} is the encoder in the package.  [default: "
        "blocks of the teacher]",
    ),
    click.option(
        "--static", is_flag=True, help="The student begins as the teacher's static encoder: one vector per token."
    ),
    click.option(
        "--ladder",
        is_flag=True,
        help="Make the teacher's int8 file and those of smaller and smaller students, with a report.",
    ),
    click.option(
        "--compare/--no-compare",
        default=True,
        show_default=True,
        help="With --ladder: make further students, to tell what ReLU, half the width and narrow tables are worth.",
    ),
    click.option(
        "--size",
        type=COUNT,
        help="Numbers in a vector of a static encoder; as a student of a sentence encoder it has the teacher's width.  "
        "[default: 256, or the teacher's width if that is less]",
    ),
    click.option(
        "--layers",
        type=Blocks(),
        help="Blocks of the teacher that the student begins as: their number, such as 2, or their places counted from "
        "0, such as 0,2,5.  [default: a third of them, from the first to the last]",
    ),
    click.option(
        "--intermediate-size",
        type=COUNT,
        help="Neurons kept in each feed-forward layer of the teacher's blocks, those with the largest weights.  "
        "[default: all]",
    ),
    click.option(
        "--hidden-act",
        type=click.Choice(ACTIVATIONS),
        help="Activation of the feed-forward layers of the teacher's blocks; relu is faster than gelu.  [default: the "
        "teacher's]",
    ),
)
TASK = (
    click.option(
        "--augment",
        metavar="N",
        type=COUNT,
        help="Make N further texts of each text, such as parts of it, which the teacher answers. For texts that get "
        "labels, entities or vectors.",
    ),
    click.option(
        "--alpha",
        type=Number(0, 1),
        help="The teacher's part in the loss; the labels have the rest.  [default: 0.5; 1 for a teacher that writes "
        "texts]",
    ),
    click.option(
        "--temperature",
        type=options.ABOVE_0,
        help="What logits are divided by: above 1 makes small probabilities count more.  [default: 2]",
    ),
    _path("--soft-labels", "Folder that keeps the teacher's answers.  [default: soft-labels, beside --out]"),
    click.option("--epochs", type=COUNT, help="Passes over the texts.  [default: 3; 1 for an encoder]"),
    click.option("--batch-size", type=COUNT, help="Rows per step.  [default: 32]"),
    click.option("--batch-tokens", type=COUNT, help="Tokens per step, in place of --batch-size."),
    click.option(
        "--learning-rate",
        type=options.ABOVE_0,
        multiple=True,
        help="Learning rate at its peak. Repeatable with --dev: the best is kept.  [default: as finetune has it; 5e-4 "
        "for an encoder]",
    ),
    click.option("--warmup", type=Number(0, 1), help="Share of the steps in which the learning rate grows."),
    click.option(
        "--layer-decay", type=Number(0, 1, min_open=True), help="Rate of a block as a share of the next one's."
    ),
    options.weight_decay,
    click.option("--max-length", type=click.IntRange(min=3), help="Most tokens in a row.  [default: the teacher's]"),
    click.option("--keep", type=click.Choice(["best", "last"]), help="Which epoch is saved.  [default: last]"),
    click.option(
        "--metric",
        help="Figure on --dev that decides, and that the report of --ladder has.  [default: the task's]",
    ),
    click.option("--early-stopping", metavar="N", type=COUNT, help="End after N epochs that are not better."),
    click.option("--average", metavar="N", type=COUNT, help="Save the mean of the weights after N epochs."),
    click.option("--dev-sample", metavar="N", type=COUNT, help="Texts of --dev that are written after each epoch."),
)
ENCODER = (
    click.option(
        "--loss",
        type=click.Choice(LOSSES),
        help="An encoder: relations of tokens (MiniLMv2), for any width, or the triple loss (DistilBERT), from a "
        "teacher with a head for masked words.  [default: relations]",
    ),
    click.option("--relation-heads", type=COUNT, help="Relations: heads that both widths are cut into."),
    click.option("--teacher-block", type=click.IntRange(min=0), help="Relations: the teacher's block."),
    click.option("--soft-weight", type=Number(min=0), help="Triple: factor of the soft targets.  [default: 5]"),
    click.option("--mlm-weight", type=Number(min=0), help="Triple: factor of the masked words.  [default: 2]"),
    click.option("--cosine-weight", type=Number(min=0), help="Triple: factor of the cosine.  [default: 1]"),
    click.option(
        "--mask-rate", type=Number(0, 1, min_open=True, max_open=True), help="Triple: share of masked tokens."
    ),
    click.option("--steps", type=COUNT, help="An encoder: number of updates, instead of epochs."),
)


@click.pass_context
def _distill(context, folder, **given):
    """Teach a small student what its teacher answers.

    The teacher's folder decides what is learned. A model with a task (texts' labels, entities, answers, vectors or
    texts) teaches the student its task: it answers every text once, its answers are kept on disk, and the student
    learns them and the labels of --train. An encoder teaches the student its inner numbers, on raw text.

    With --static the student has one vector per token and no blocks. Without texts, --out is this encoder, which
    finetune takes as a --checkpoint; with texts, the student learns the teacher's task too.

    With --ladder, --out has a bundle for each rung: the teacher, half of its blocks, a few blocks with narrow tables
    and a pruned vocabulary, and a static encoder. report.md has the task's figure, MB and ms of each file. Without
    --train the students learn from the teacher alone; without --dev too, the report tells how far they agree with it.
    With --dev, an int8 file that loses more than 2 points of the task's headline figure is replaced by one of float16.

    \b
    Example:
      kerasbert distill --teacher model/ --train train.csv --dev dev.csv --layers 2 --out student/
      kerasbert distill --teacher model/ --unlabelled texts.txt --alpha 1 --out student/
      kerasbert distill --teacher minilm/ --unlabelled books.txt --loss relations --layers 2 --out encoder/
      kerasbert distill --teacher minilm/ --static --size 256 --out static/
      kerasbert distill --teacher model/ --static --train train.csv --dev dev.csv --out student/
      kerasbert distill --teacher model/ --ladder --train train.csv --unlabelled texts.txt --dev dev.csv --out ladder/
      kerasbert distill --teacher model/ --ladder --unlabelled texts.txt --out ladder/
    """
    from kerasbert.checkpoints.loading import PRETRAINED
    from kerasbert.runs.begun import is_begun

    source = {name: context.get_parameter_source(name) for name in given}
    given = {name: value for name, value in given.items() if source[name] is ParameterSource.COMMANDLINE}
    teacher = _named(given.pop("teacher"))
    if given.pop("ladder", False):
        make_ladder(teacher, folder, given, OF_ENCODER)
        return
    # A sentence encoder is an encoder too, and --loss asks for that.
    encoder = teacher.task in PRETRAINED or (teacher.task == "sentence-embedding" and "loss" in given)
    if given.get("static") and not TEXTS & given.keys():
        _make_static(teacher, folder, given)
        return
    _check_given(given, encoder, teacher)
    is_begun(folder, given.get("resume", False))
    if "student" in given:
        student = _named(given["student"])
        given["student"] = str(student.folder) if given["student"] == PACKAGE else given["student"]
    figures = (_distill_encoder if encoder else _distill_task)(teacher, folder, given)
    from kerasbert.cli.table import shown

    click.echo(f"{folder}: saved; " + ", ".join(f"{name} {shown(value)}" for name, value in figures.items()))


def _named(name: str):
    """The checkpoint that an option names."""
    return opened(None if name == PACKAGE else name)


def _make_static(teacher, folder: Path, given: dict) -> None:
    """Writes the teacher's static encoder, which learns no task."""
    from kerasbert.files import check_target
    from kerasbert.models.students import static_size
    from kerasbert.progress import counted

    strange = next((name for name in given if name not in ("static", "size")), None)
    if strange:
        raise click.UsageError(f"{options.flag(strange)} means nothing to --static without texts to learn from")
    with options.wrong_call():
        size = static_size(teacher, given.get("size"))
    check_target(folder)
    options.load_tensorflow()
    from kerasbert.runs.static import StaticOptions, make_static

    chosen = StaticOptions(checkpoint=teacher, size=size)
    with counted(teacher.config.vocab_size, label="reading the vocabulary", unit="tokens") as count:
        made = make_static(folder, chosen, told=count.reach)
    click.echo(f"{folder}: saved; {made.config.vocab_size:,} vectors of {size} numbers")


def _check_given(given: dict, encoder: bool, teacher) -> None:
    """Raises click.UsageError: options that mean nothing to this teacher, or that do not go together."""
    from kerasbert.models.students import chosen_blocks
    from kerasbert.models.thin import check_neurons

    begins = [options.flag(name) for name in ("student", "layers", "static") if name in given]
    if len(begins) > 1:
        raise click.UsageError(f"{' and '.join(begins)}: a student begins as one of them, so give one")
    changed = next((options.flag(name) for name in ("intermediate_size", "hidden_act") if name in given), None)
    if changed and {"student", "static"} & given.keys():
        raise click.UsageError(f"{changed} is for blocks of the teacher, so it does not go with {begins[0]}")
    if "size" in given and "static" not in given:
        raise click.UsageError("--size is for --static and --ladder; leave it out, or give one of them")
    if "compare" in given:
        raise click.UsageError("--compare and --no-compare are for --ladder; leave them out, or give --ladder")
    if encoder and "static" in given:
        which = "--loss" if teacher.task == "sentence-embedding" else "the texts"
        raise click.UsageError(f"an encoder has no task that its static encoder could learn: leave {which} out")
    strange = [name for name in given if _means_nothing(name, encoder)]
    if strange:
        whose = "an encoder" if encoder else teacher.task
        raise click.UsageError(f"{options.flag(strange[0])} means nothing to a teacher that is {whose}; leave it out")
    if encoder and "unlabelled" not in given:
        raise click.UsageError("an encoder teaches on raw text: give --unlabelled")
    if not encoder:
        check_texts(given)
    if encoder and len(given.get("learning_rate", ())) > 1:
        raise click.UsageError("--learning-rate is given twice; an encoder learns with one")
    if not {"student", "static"} & given.keys():
        with options.wrong_call():
            chosen_blocks(teacher.config.num_hidden_layers, given.get("layers"))
            if "intermediate_size" in given:
                check_neurons(teacher, given["intermediate_size"])


def _means_nothing(name: str, encoder: bool) -> bool:
    return name in WITH_TASK or name.endswith(options.COLUMN) if encoder else name in OF_ENCODER


def _distill_task(teacher, folder: Path, given: dict) -> dict:
    from kerasbert.checkpoints.tasks import answerable_task
    from kerasbert.examples.readers import columns_of_texts, read_examples, read_unlabelled
    from kerasbert.models.students import static_size
    from kerasbert.tasks import NAMES

    task = task_named(answerable_task(teacher, NAMES))
    check_metric(given, task, teacher)
    check_augment(given, task)
    options.check_dev(given)
    if given.pop("static", False):
        with options.wrong_call():
            given["static"] = static_size(teacher, given.pop("size", None), task)
    columns = options.taken_columns(given)
    train, given["dev"] = (
        path and read_examples(path, task, columns=columns) for path in (given.pop("train", None), given.get("dev"))
    )
    if "unlabelled" in given:
        of_texts = columns_of_texts(task, columns)
        given["unlabelled"] = read_unlabelled(given["unlabelled"][0], task, columns=of_texts)
    given["checkpoint"] = given.pop("student", None)
    options.load_tensorflow()
    from kerasbert.runs.distill import DistillOptions, teaching_of
    from kerasbert.runs.finetune import carry_out, job_of

    with options.wrong_call():
        teaching = teaching_of(teacher, folder, DistillOptions(**given))
        teaching.check([*(train or ()), *given.get("unlabelled", ())])
        job = job_of(task, train, folder, teaching.options, teaching)
    return carry_out(job, teaching)


def _distill_encoder(teacher, folder: Path, given: dict) -> dict:
    texts = list(given.pop("unlabelled"))
    if "learning_rate" in given:
        (given["learning_rate"],) = given["learning_rate"]
    options.load_tensorflow()
    from kerasbert.runs import distill_encoder
    from kerasbert.runs.distill_encoder_options import EncoderDistillOptions

    with options.wrong_call():
        plan = distill_encoder.plan_of(teacher, texts, folder, EncoderDistillOptions(**given))
    return distill_encoder.carry_out(plan)


for _decorate in reversed((*STUDENT, *TASK, *ENCODER, options.run, options.columns, options.seed)):
    _distill = _decorate(_distill)
distill = click.command("distill")(_distill)
