"""Whether the libraries of model zoos may go online, and whether there is anybody to answer."""

import ssl
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

# Seconds until a server counts as unreachable. The libraries themselves try for a minute.
PATIENCE = 3.0


@contextmanager
def hub_offline():
    """Let no library ask the hub of Hugging Face, for one call; the setting is restored."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def why_no_hub():
    """Return why the hub of Hugging Face cannot be asked, or None if it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "the environment variable HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids it"
    return None if is_reachable(constants.ENDPOINT) else f"{constants.ENDPOINT} does not answer"


def is_reachable(url):
    """Ask a server once, and tell whether it answers within a few seconds.

    An answer that refuses the request is an answer, and so is a certificate that Python does not
    trust. The library that is asked next may have other certificates.
    """
    answers = []

    def ask():
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE):
                answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)
        except urllib.error.URLError as error:
            answers.append(isinstance(error.reason, ssl.SSLError))
        except (OSError, ValueError):
            answers.append(False)

    # In a thread, because the search for the address of a name knows no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE + 1)
    return bool(answers) and answers[0]
