"""The files of data sets: their checksums, where they come from, and what to cite."""

from dataclasses import dataclass, field

from sktransfer.datasets._download import checksum, download


@dataclass(frozen=True)
class Source:
    """A data set: ``files`` in ``folder``, with the checksum of each, as `checksum` returns it.

    ``addresses`` has the files that can be downloaded one by one; for the others ``source`` is a
    page for readers.
    """

    title: str
    folder: str
    files: dict
    source: str
    cite: str
    license: str
    addresses: dict = field(default_factory=dict)

    def locate(self, data_home, *, option, download_if_missing=False, n_retries=0, delay=0.0):
        """Return a dict of file name to path below `data_home`, with every checksum compared.

        `option` is the name of the option for another folder, for messages.

        Raises
        ------
        FileNotFoundError
            If a file is absent and has no address, or is not to be downloaded.
        ValueError
            If a file that is there has another checksum.
        OSError
            If a download fails.
        """
        paths = {name: data_home / self.folder / name for name in self.files}
        for name, path in paths.items():
            if path.is_file() or path.is_dir():
                self._check(name, path)
            elif download_if_missing and name in self.addresses:
                rules = {"sha256": self.files[name], "n_retries": n_retries, "delay": delay}
                download(self.addresses[name], path, of=f"{self.title}: {name}", **rules)
            else:
                raise FileNotFoundError(
                    f"{self.title}: {name} is not in {path.parent}; get it from {self.source}, or "
                    f"name another folder than {data_home} with {option}."
                )
        return paths

    def _check(self, name, path):
        found = checksum(path)
        if found != self.files[name]:
            raise ValueError(
                f"{self.title}: {path} has the SHA-256 checksum {found}, expected "
                f"{self.files[name]}: it is another version or damaged; get it from {self.source}."
            )


_GATHERED = "https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md"
_UNKNOWN = "none stated: for research, not to be passed on"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MUSHROOM = "https://archive.ics.uci.edu/ml/machine-learning-databases/mushroom/"
_MALSAR = (
    "https://raw.githubusercontent.com/jiayuzhou/MALSAR/ca3d55b878cc4113f0d9603e8ac46538aeb1ecd9/"
)
_KIN = (
    "https://raw.githubusercontent.com/antoinedemathelin/demo/"
    "744a5e755bfd2b0ae2363ab0ab918acddf0307eb/rsc/"
)

SOURCES = {
    "office-caltech": Source(
        title="Office-Caltech10, SURF features",
        folder="office_caltech_surf",
        files={
            "Caltech10_SURF_L10.mat": (
                "4f9334c8ced489d5054de97a5fd51a61f017f3bcd1f38c9a85c6d78cb9d7bda5"
            ),
            "amazon_SURF_L10.mat": (
                "df32548b994e18d364c99e1f317e1fae100597259f0423a41b90f4f68187bb1f"
            ),
            "dslr_SURF_L10.mat": (
                "44d673c68e1d07b837893aa74dba3b986e4a6cc3fd66f0dd357683bdef059216"
            ),
            "webcam_SURF_L10.mat": (
                "a6a9c78b4b7181dfbb58bcfd351d4ebd737f171c31247b8884948aa156d3f700"
            ),
        },
        source=_GATHERED,
        cite=(
            "Gong, Shi, Sha and Grauman, CVPR 2012; Saenko, Kulis, Fritz and Darrell, ECCV 2010; "
            "Griffin, Holub and Perona, Caltech-256, 2007"
        ),
        license=_UNKNOWN,
    ),
    "mnist-usps": Source(
        title="MNIST and USPS, 2000 and 1800 digits of 16 x 16 pixels",
        folder="mnist_usps",
        files={
            "MNIST_vs_USPS.mat": "7fbb67f14af7236e18a38dc8a0a836142361e9e720e4b763a5e2db511d306d6c",
        },
        source=_GATHERED,
        cite="Long, Wang, Ding, Sun and Yu, ICCV 2013; LeCun et al. 1998; Hull, IEEE PAMI 1994",
        license=_UNKNOWN,
    ),
    "mnist-test": Source(
        title="MNIST, the 10 000 test images",
        folder="mnist",
        files={
            "t10k-images-idx3-ubyte.gz": (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
            ),
        },
        source=_MNIST,
        cite="LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE 1998",
        license="CC BY-SA 3.0, as its mirrors state",
        addresses={
            name: _MNIST + name
            for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
        },
    ),
    "mushroom": Source(
        title="Mushroom",
        folder="mushroom",
        files={
            "agaricus-lepiota.data": (
                "e65d082030501a3ebcbcd7c9f7c71aa9d28fdfff463bf4cf4716a3fe13ac360e"
            ),
        },
        source="https://archive.ics.uci.edu/dataset/73/mushroom",
        cite="Mushroom, UCI Machine Learning Repository 1981, https://doi.org/10.24432/C5959T",
        license="CC BY 4.0",
        addresses={"agaricus-lepiota.data": _MUSHROOM + "agaricus-lepiota.data"},
    ),
    "newsgroups": Source(
        title="20 Newsgroups, rec against talk",
        folder="newsgroups",
        files={
            "rec.vs.talk_Task1.mat": (
                "2ccc2c933adb5e9a88524e0d0a90022ee925e3395fead485c2d7d31a14149997"
            ),
            "rec.vs.talk_Task2.mat": (
                "162fe06ddbad645577a2c538645f72115416811f8ee6dffc2fe2944a1c632e08"
            ),
        },
        source="http://qwone.com/~jason/20Newsgroups/ (these files are a cut of it to 2000 terms)",
        cite="Lang, ICML 1995; the setting is of Dai, Yang, Xue and Yu, ICML 2007",
        license=_UNKNOWN,
    ),
    "school": Source(
        title="Examination scores of pupils of 139 schools in London",
        folder="school",
        files={"school.mat": "57fb3238fdd03a9aa17276e2ce18d9bbb5d128c3261e794fe6233b58b6909068"},
        source="https://github.com/jiayuzhou/MALSAR/tree/master/data",
        cite=(
            "Goldstein, Journal of the Royal Statistical Society A 1991; as prepared by Argyriou, "
            "Evgeniou and Pontil, Machine Learning 2008"
        ),
        license=_UNKNOWN,
        addresses={"school.mat": _MALSAR + "data/school.mat"},
    ),
    "kin": Source(
        title="Kin, the reach of a robot arm by its eight joint angles, three simulations",
        folder="kin",
        files={
            "kin-8fh.csv": "e7928b5d4f8b029ac1224ba81bcbb3a99111a8f33f7d0c25d0e8b53ece6b72b8",
            "kin-8fm.csv": "81e43c2bc03a731179d7070ceda31c671f77e5ee61d7c36a52e466ebe04a49d7",
            "kin-8nm.csv": "0dcf6b69d6c4724be2495da5cf65bb91a217ae14a2e869cc8870ba0e6e66a102",
        },
        source="https://github.com/antoinedemathelin/demo",
        cite="Corke, Ghahramani; DELVE, University of Toronto, 1996",
        license=_UNKNOWN,
        addresses={name: _KIN + name for name in ("kin-8fh.csv", "kin-8fm.csv", "kin-8nm.csv")},
    ),
}
