"""Sessions of ONNX Runtime, and the devices that they can run on."""

import threading
import warnings


def find_device(device):
    """Return "cpu" or "cuda"; raise a ValueError for a "cuda" that ONNX Runtime does not have."""
    if device == "cpu":
        return "cpu"
    there = has_cuda()
    if device == "cuda" and not there:
        raise ValueError(
            "device='cuda': this ONNX Runtime has no CUDA support; install onnxruntime-gpu in "
            "place of onnxruntime, or use device='cpu'."
        )
    return "cuda" if there else "cpu"


def has_cuda():
    """Tell whether ONNX Runtime can run on CUDA."""
    return "CUDAExecutionProvider" in _onnxruntime().get_available_providers()


def make_session(weights, threads=1, device="cpu", **options):
    """Make a session of ONNX Runtime; `options` are attributes of its ``SessionOptions``."""
    onnxruntime = _onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 4  # a failure is raised, with the same words
    # Idle threads must not burn the processors that NumPy or a joblib worker needs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in options.items():
        setattr(settings, name, value)
    wanted = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[device]
    providers = list(dict.fromkeys([wanted, "CPUExecutionProvider"]))
    session = onnxruntime.InferenceSession(weights, sess_options=settings, providers=providers)
    if session.get_providers()[0] != wanted:
        raise ValueError(
            "device='cuda': ONNX Runtime has CUDA support but cannot start it; check the driver "
            "and the CUDA libraries, or use device='cpu'."
        )
    return session


def run_within(session, names, feed, seconds):
    """Run a session, and stop it between two nodes, with a TimeoutError, if it takes too long."""
    options = _onnxruntime().RunOptions()
    clock = threading.Timer(seconds, setattr, (options, "terminate", True))
    clock.daemon = True
    clock.start()
    try:
        return session.run(names, feed, options)
    except Exception as error:
        if not options.terminate:
            raise
        raise TimeoutError(f"it takes longer than {seconds:g} seconds") from error
    finally:
        clock.cancel()


def _onnxruntime():
    with warnings.catch_warnings():
        import onnxruntime
    return onnxruntime
