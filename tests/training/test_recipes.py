"""Every recipe is its source's, and becomes the optimizer that it says."""

import dataclasses

import numpy as np
import pytest

from kerasbert.corpus.instances import MODES
from kerasbert.errors import ConfigError
from kerasbert.training.optimizers import AdamW, Lamb
from kerasbert.training.recipes import RECIPES, Recipe

PUBLISHED = {
    # name: optimizer, (batch, steps, length), peak, steps of warm-up, (decay, betas, epsilon), clip, mask, mode
    "bert": (AdamW, (256, 10**6, 512), 1e-4, 10_000, (0.01, 0.9, 0.999, 1e-6), 1.0, 0.15, "mlm-nsp"),
    "roberta": (AdamW, (8192, 500_000, 512), 6e-4, 24_000, (0.01, 0.9, 0.98, 1e-6), None, 0.15, "mlm"),
    "lamb": (Lamb, (65_536, 7038, 128), 6e-3, 2001, (0.01, 0.9, 0.999, 1e-6), 1.0, 0.15, "mlm-nsp"),
    "lamb-2": (Lamb, (32_768, 1563, 512), 4e-3, 200, (0.01, 0.9, 0.999, 1e-6), 1.0, 0.15, "mlm-nsp"),
    "24h": (AdamW, (4096, 70_000, 128), 5e-4, 4200, (1e-5 / 5e-4, 0.9, 0.98, 1e-6), None, 0.3, "mlm"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_the_published_figures_and_so_has_its_optimizer(name):
    kind, sizes, peak, warmup, (decay, beta_1, beta_2, epsilon), clip, mask_rate, mode = PUBLISHED[name]
    recipe = RECIPES[name]
    assert (recipe.batch_size, recipe.steps, recipe.max_length) == sizes
    assert (recipe.mask_rate, recipe.mode) == (mask_rate, mode)
    assert mode in MODES
    assert recipe.source
    optimizer = recipe.make_optimizer()
    assert type(optimizer) is kind
    settings = optimizer.get_config()
    assert settings["weight_decay"] == pytest.approx(decay)
    assert (settings["beta_1"], settings["beta_2"], settings["epsilon"]) == (beta_1, beta_2, epsilon)
    assert optimizer.global_clipnorm == clip
    rates = np.asarray(optimizer._learning_rate(np.array([0, warmup // 2, warmup, recipe.steps])))
    end = 0.02 * peak if name == "24h" else 0.0
    np.testing.assert_allclose(rates, [0, peak * (warmup // 2) / warmup, peak, end], rtol=1e-5, atol=1e-12)


def test_phases_of_lamb_decay_with_the_square_root():
    schedule = RECIPES["lamb"].make_optimizer()._learning_rate
    half = (2001 + 7038) / 2
    assert float(schedule(half)) == pytest.approx(6e-3 * np.sqrt(0.5), rel=1e-5)


def test_a_shorter_run_keeps_the_shape_and_what_is_none_stays():
    recipe = Recipe.named("roberta", steps=1000, batch_size=64, learning_rate=None)
    assert recipe == dataclasses.replace(RECIPES["roberta"], steps=1000, batch_size=64)
    assert float(recipe.make_optimizer()._learning_rate(48)) == pytest.approx(6e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: use a whole number above 0"),
        ({"steps": 1.5}, "steps is 1.5: use a whole number above 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0: use a number above 0"),
        ({"warmup": -1}, "warmup is -1: use 0 or more"),
        ({"beta_2": 1.0}, "beta_2 is 1.0: use 0 or more, below 1"),
        ({"mask_rate": 15.0}, "mask_rate is 15.0: use a number between 0 and 1, such as 0.15"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0: use a number above 0, or None for no clipping"),
    ],
)
def test_a_value_that_no_run_can_have_is_named_with_its_mend(changes, message):
    with pytest.raises(ConfigError) as caught:
        Recipe.named("bert", **changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe.named("bort"), "recipe is 'bort': use one of bert, roberta, lamb, lamb-2, 24h"),
        (
            lambda: Recipe.named("bert", optimizer="adam").make_optimizer(),
            "optimizer is 'adam': use one of adamw, lamb",
        ),
        (
            lambda: Recipe.named("bert", steps=100, warmup=200).make_optimizer(),
            "200 steps of warm-up do not fit into a run of 100: use 0 to 100",
        ),
    ],
)
def test_a_name_or_a_warm_up_that_does_not_fit_is_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message
