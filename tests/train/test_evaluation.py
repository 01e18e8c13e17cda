import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import evaluate, predict
from effnet_lib.train.evaluation import calibration_error, wilson_interval


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (3, 7), (641, 1000), (1, 1), (1999, 2000)])
def test_the_interval_is_scipys_wilson_interval(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_an_impossible_proportion_is_refused():
    with pytest.raises(ValueError, match="got 5 of 4"):
        wilson_interval(5, 4)


def test_the_calibration_error_is_that_of_bins_filled_by_hand():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(500, 4)))
    labels = torch.from_numpy(rng.integers(0, 4, 500))
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    confidence, right = p.max(1), p.argmax(1) == labels.numpy()
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(logits, labels) == pytest.approx(error, abs=1e-9)


def test_a_sure_and_right_answer_is_calibrated_and_a_sure_wrong_one_is_not():
    sure = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    assert calibration_error(sure, torch.tensor([0, 1])) == pytest.approx(0, abs=1e-9)
    assert calibration_error(sure, torch.tensor([1, 0])) == pytest.approx(1, abs=1e-9)


def test_a_report_agrees_with_scikit_learn_and_with_itself():
    torch.manual_seed(0)
    data = glyph_data(16, train=250, validation=500, test=250)
    model = EfficientNet(glyph_base(16)).train()
    report = evaluate(model, data, "validation")
    assert model.training, "evaluation leaves the mode as it was"
    logits, labels = predict(model, data, "validation")
    answers = logits.argmax(1).numpy()
    assert report.accuracy == pytest.approx(accuracy_score(labels, answers))
    mean_f1 = np.mean([scores["f1"] for scores in report.per_class.values()])
    assert mean_f1 == pytest.approx(f1_score(labels, answers, average="macro", labels=range(40)), abs=1e-12)
    confusion = np.array(report.confusion)
    assert confusion.sum() == 500
    assert confusion.trace() / 500 == pytest.approx(report.accuracy)
    assert sum(s["support"] for s in report.per_class.values()) == 500
    assert report.interval[0] < report.accuracy < report.interval[1]
    assert f"{100 * report.accuracy:.1f} %" in str(report)
    assert all(i != j for i, j, _ in report.confused())
    assert len(report.worst(3)) == 3
    assert report.to_dict()["images"] == 500
