"""While a run writes its folder, a second one is told, also one that would go on with it."""

import shutil

import pytest
from runs.short_runs import train

from kerasbert.errors import KerasBertError
from kerasbert.files import held
from kerasbert.runs.begun import SETTINGS
from kerasbert.runs.finetune import finetune

SAID = "run: another process is writing it; wait for it, or name another --out"


@pytest.fixture
def folder(tmp_path):
    with held(tmp_path / "run"):
        yield tmp_path / "run"


def test_pretraining_is_refused_and_writes_nothing(folder, prepared):
    with pytest.raises(KerasBertError, match=SAID):
        train(prepared(), folder)
    assert list(folder.iterdir()) == []


def test_going_on_is_refused_before_the_record_is_touched(finished, folder):
    shutil.copytree(finished.folder / "run", folder / "run")
    before = sorted(folder.rglob("*"))
    with pytest.raises(KerasBertError, match=SAID):
        train(finished.data, folder, dev=finished.dev, resume=True)
    assert sorted(folder.rglob("*")) == before
    assert (folder / "run" / SETTINGS).exists()


def test_finetuning_is_refused_and_writes_nothing(folder, opinion_file, tiny_bert):
    with pytest.raises(KerasBertError, match=SAID):
        finetune("text-classification", opinion_file, folder, checkpoint=str(tiny_bert))
    assert list(folder.iterdir()) == []
