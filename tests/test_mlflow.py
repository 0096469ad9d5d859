"""MLflow logs pipelines, loads them as generic models, and their predictions stay the same."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sktransfer import (
    CORALAligner,
    PretrainedFeatureExtractor,
    make_transfer_pipeline,
    pack_domains,
    trusted_types,
)
from tests.shelf import encode

# What MLflow and its packages warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with a store of its own in a temporary folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # others need a data base
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    found = pytest.importorskip("mlflow", reason="MLflow is not installed")
    pytest.importorskip("mlflow.sklearn", reason="MLflow has no scikit-learn")
    before = found.get_tracking_uri()
    found.set_tracking_uri(f"file:{tmp_path / 'store'}")
    found.set_experiment("tests")
    yield found
    found.set_tracking_uri(before)


def logged(mlflow, pipe, X):
    """The generic model that MLflow loads after it has logged a pipeline."""
    info = mlflow.sklearn.log_model(
        pipe,
        name="model",
        skops_trusted_types=trusted_types(),
        signature=mlflow.models.infer_signature(X, pipe.predict(X)),
        pip_requirements=["sktransfer[skops]"],
    )
    return mlflow.pyfunc.load_model(info.model_uri)


def digits():
    X, y = load_digits(return_X_y=True)
    return (15 * X[:80]).astype(np.uint8).reshape(-1, 8, 8, 1), y[:80]


def test_rows_of_numbers_are_an_array(mlflow):
    rng = np.random.default_rng(0)
    X_lab, X_field = rng.normal(size=(60, 2)), rng.normal(20, 5, size=(40, 2))
    X, y, sample_domain = pack_domains({"lab": (X_lab, X_lab[:, 0] > 0)}, target=X_field)
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    pipe.fit(X, y, sample_domain=sample_domain)
    found = logged(mlflow, pipe, X_field).predict(X_field)
    np.testing.assert_array_equal(found, pipe.predict(X_field))
    assert 0 < np.mean(found) < 1


def test_a_table_keeps_the_names_and_types_of_its_columns(mlflow):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(100, 2)) * np.repeat([[1.0], [5.0]], [60, 40], axis=0)
    X = pd.DataFrame(numbers, columns=["ph", "light"])
    X["soil"] = rng.choice(["clay", "sand"], 100)
    columns = make_column_transformer(
        (StandardScaler(), ["ph", "light"]), (OneHotEncoder(sparse_output=False), ["soil"])
    )
    pipe = make_transfer_pipeline(columns, CORALAligner(), LogisticRegression())
    pipe.fit(X, X["ph"] > 0, sample_domain=np.repeat(["lab", "target"], [60, 40]))
    model, X_new = logged(mlflow, pipe, X), X[60:]
    np.testing.assert_array_equal(model.predict(X_new), pipe.predict(X_new))
    with pytest.raises(mlflow.exceptions.MlflowException, match="soil"):
        model.predict(X_new.drop(columns="soil"))


def test_pictures_are_an_array_of_bytes(mlflow):
    X, y = digits()
    pipe = make_pipeline(PretrainedFeatureExtractor(), LogisticRegression(max_iter=500))
    pipe.fit(X[:40], y[:40])
    model = logged(mlflow, pipe, X[:5])
    assert model.metadata.get_input_schema().inputs[0].shape == (-1, 8, 8, 1)
    np.testing.assert_array_equal(model.predict(X[40:]), pipe.predict(X[40:]))


def test_files_are_a_column_of_binary_data(mlflow):
    pd = pytest.importorskip("pandas")
    pixels, y = digits()
    X = pd.DataFrame({"file": [encode(each[..., 0]) for each in pixels]})
    pipe = make_pipeline(PretrainedFeatureExtractor(), LogisticRegression(max_iter=500))
    pipe.fit(X[:40], y[:40])
    model = logged(mlflow, pipe, X[:5])
    assert model.metadata.get_input_schema().input_types() == [mlflow.types.DataType.binary]
    np.testing.assert_array_equal(model.predict(X[40:]), pipe.predict(X[40:]))
