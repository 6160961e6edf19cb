"""Work of a training, update by update, and schedules that are stretched."""

import copy

from analysis.experiment import config
from analysis.experiment.controls import stretch, work

DIGITS = config.load(config.ROOT / "config" / "smoke.yaml")["experiments"]["digits"]


def test_stretching_makes_schedules_longer_and_keeps_their_momenta_in_place():
    schedule = DIGITS["training"] | {"n_epochs": 4, "momentum": [0.1, 0.2, 0.3, 0.4]}
    found = stretch(DIGITS | {"training": schedule, "pretraining": [schedule]}, 2.2)
    assert found["training"]["n_epochs"] == 9
    assert found["training"]["momentum"] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert (found["pretraining"], stretch(DIGITS, 0.01)["training"]["n_epochs"]) == ([found["training"]], 1)
    assert stretch(DIGITS, 1) == DIGITS


def test_work_is_that_of_a_count_update_by_update():
    settings = copy.deepcopy(DIGITS)
    schedule = settings["training"] | {"algorithm": "cd", "n_epochs": 2, "batch_size": 30}
    settings |= {"pretraining": [schedule, schedule | {"n_epochs": 3}]}
    settings["retraining"] |= {"n_epochs": 3, "momentum": 0.5}
    changed = [7] * 2 * 4 + [11] * 3 * 4 + [7 + 11] * 2 + [5 + 6] * 6 + [1 + 2] * 6  # 100 patterns: 4 or 2 batches
    assert work(settings, 100, [[7, 11], [5, 6], [1, 2]]) == sum(changed)
