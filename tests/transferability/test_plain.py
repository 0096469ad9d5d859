"""The model that a pipeline is without its transfer."""

from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    CORALAligner,
    DomainAugmenter,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
)
from sktransfer.transferability._plain import with_labels, without_transfer


def types(pipeline):
    return [type(step) for _, step in pipeline.steps]


def test_steps_that_map_domains_are_left_out():
    pipe = make_transfer_pipeline(
        StandardScaler(), CORALAligner(), DomainAugmenter(), LogisticRegression(C=3)
    )
    plain = without_transfer(pipe)
    assert types(plain) == [StandardScaler, LogisticRegression]
    assert plain[-1].C == 3
    assert len(pipe) == 4


def test_an_inner_pipeline_loses_its_steps_too():
    inner = make_transfer_pipeline(StandardScaler(), CORALAligner())
    pipe = make_transfer_pipeline(inner, CORALAligner(), LogisticRegression())
    outer = without_transfer(make_transfer_pipeline(StandardScaler(), pipe))
    assert types(outer[-1]) == [type(inner), LogisticRegression]


def test_what_has_no_such_step_is_returned_itself():
    inner = make_column_transformer((CORALAligner(), [0]))
    for model in (
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_transfer_pipeline("passthrough", TrAdaBoostClassifier()),
        make_transfer_pipeline(inner, LogisticRegression()),
        GridSearchCV(make_transfer_pipeline(CORALAligner(), LogisticRegression()), {}),
    ):
        assert without_transfer(model) is model


def test_no_label_stays_hidden():
    pipe = make_transfer_pipeline(StandardScaler(), LogisticRegression(), target_labels="ignore")
    assert without_transfer(pipe).target_labels == "use"
    assert with_labels(pipe).target_labels == "use"
    assert pipe.target_labels == "ignore"
