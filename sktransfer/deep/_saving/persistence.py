"""How a fitted estimator leaves its process: as a file to load again, or as one ONNX file."""

from sktransfer._onnx import WritesONNX
from sktransfer.deep._describe import found_again


class _Persistent(WritesONNX):
    """The methods `save`, `load` and `to_onnx` of fine-tuned estimators."""

    def save(self, path):
        """Write the fitted estimator into one file, without pickle.

        It is a file in safetensors' format, arrays with JSON in its header, so that reading it
        cannot run code. It holds the parameters, all fitted attributes and the weights that are not
        those of the network's own file. The network is named, with a fingerprint of its weights,
        and has to be there when the file is loaded. Of a `torch.nn.Module` the weights are inside,
        the code is not. Callbacks are left out.

        Parameters
        ----------
        path : str or os.PathLike
            The file, ``"model.safetensors"`` say. One that is there is replaced in one step.

        Raises
        ------
        ImportError
            If safetensors is not installed.
        ValueError
            If a parameter is neither plain nor one of the package's own descriptions.

        See Also
        --------
        to_onnx : A file that needs neither this package nor the network's own file.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_digits
        >>> from sktransfer import FineTuneClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> classifier = FineTuneClassifier().fit(X[:50], y[:50])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classifier.save(f"{folder}/digits.safetensors")
        ...     loaded = FineTuneClassifier.load(f"{folder}/digits.safetensors")
        >>> bool((loaded.predict_proba(X) == classifier.predict_proba(X)).all())
        True
        """
        from sktransfer.deep._saving.save import save_estimator

        save_estimator(found_again(self), path)

    @classmethod
    def load(cls, path, *, backbone=None):
        """Read an estimator that `save` has written.

        A file may come from anyone, so it does not choose the folders of later calls. `checkpoint`
        is None afterwards, and a folder as `cache` becomes "memory".

        Parameters
        ----------
        path : str or os.PathLike
            The file.
        backbone : str, os.PathLike, torch.nn.Module, Backbone or None, default=None
            The present location of the network. None: its location in `fit`, or a file of the same
            name beside `path`. An estimator that was fitted with a module needs one of the same
            structure; its weights do not matter.

        Returns
        -------
        estimator : object
            Fitted; it predicts the same, to the bit, on the machine that it was fitted on.

        Raises
        ------
        ImportError
            If safetensors is not installed.
        FileNotFoundError
            If the file, or the file of its network, does not exist.
        ValueError
            If the file is damaged (by its checksum), of another version or of another class, or if
            the network is not the one that the estimator was fitted with.
        """
        from sktransfer.deep._saving.save import load_estimator

        return load_estimator(cls, path, backbone=backbone)

    def to_onnx(self, path, *, image_shape=None):
        """Write the whole fitted estimator, preprocessing included, as one ONNX file.

        It runs in ONNX Runtime without torch and without this package, for any number of images.
        Its input is ``X``, float32: rows of pixels (n, n_features), or images (n, h, w) or
        (n, h, w, c), as the estimator was fitted, in the same values (0..255 after a fit on
        bytes). A classifier's outputs are ``label``, of shape (n,), and ``probabilities``, of
        shape (n, n_classes) in the order of ``classes_``; a regressor's is ``predictions``. After a
        fit on several columns they are ``label_0``, ``probabilities_0``, ``label_1`` and so on.
        Classes that are neither numbers nor text are written as text.

        After a fit on a table the input is its rows.

        After a fit on files, or on images of several sizes, the input is decoded images (n, height,
        width, channels) with 1 or 3 channels. They have any height and width, those of one call
        alike. Resizing and standardizing are inside, decoding is not. Such a file needs version 18
        of ONNX's operators, which have ``Resize`` with antialiasing. Pixel values are those of
        `value_range`, or else those that the fit has learned, or else 0..255. The metadata
        ``sktransfer.input`` and the description of the input say all this.

        After a fit on sounds, the input is samples (n, n_samples) from -1 to 1 at the sample rate
        of the network. The sounds of one call have one length. Log-mel frames and windows are
        inside, decoding and resampling are not.

        After a fit on texts with word vectors, the input is the strings; ONNX Runtime has the
        operators that cut them into words. With a transformer the inputs are ``input_ids`` and
        ``attention_mask``, int64 (n, n_tokens), as its tokenizer makes them, and padded.

        Parameters
        ----------
        path : str or os.PathLike
            The file. One that is there is replaced in one step.
        image_shape : (h, w), (h, w, c) or None, default=None
            After a fit on files: the one shape of the images that the file is to take, channels
            last. It makes a file of plain matrix products, for runtimes and accelerators that
            want fixed shapes, and takes transparency (c = 4).

        Raises
        ------
        ValueError
            If the network cannot be written as ONNX for any number of images, or `image_shape`
            does not fit.
        ImportError
            If a torch network has to be exported and onnxscript is not installed.

        Notes
        -----
        If the network sees one channel, or images that are not resized, probabilities agree with
        `predict_proba` to 1e-5, up to the rounding of float32. Networks for color see images of 8
        bits that Pillow has resized and rounded: there a pixel may be one gray level off. In a file
        for images of any size, bicubic interpolation may be off by more at sharp edges. This
        happens in images that lose much more height than width. On 153 photographs at 0.7 and 1.4
        times their size all classes were the same, probabilities within 0.01, and features, of up
        to 6, within 0.06. The head and the softmax are computed in float64. A torch network is
        written by torch's own exporter and compared with the network before anything is written.
        The extra `torch` brings the exporter.

        After a fit on files, decode them as the fit did: for photographs and Pillow
        ``np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"), dtype=np.float32)``.
        The fit sees transparent pixels over white, which ``convert`` does not show: compose them,
        or name an `image_shape` with four channels.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import onnxruntime
        >>> from sklearn.datasets import load_digits
        >>> from sktransfer import FineTuneClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> classifier = FineTuneClassifier().fit(X[:50], y[:50])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classifier.to_onnx(f"{folder}/digits.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/digits.onnx")
        >>> label, probabilities = session.run(None, {"X": X.astype(np.float32)})
        >>> bool(np.abs(probabilities - classifier.predict_proba(X)).max() < 1e-5)
        True
        """
        from sktransfer.deep._saving.export import export_onnx

        export_onnx(found_again(self), path, image_shape=image_shape)

    @property
    def _no_onnx(self):
        from sktransfer.deep._saving.export_step import refusal

        if isinstance(getattr(self, "classes_", None), list):
            return "each column of y has outputs of its own, which its method to_onnx writes"
        return refusal(self.backbone_)

    def _onnx_input(self):
        from sktransfer.deep._saving.export_step import input_type

        return input_type(self)

    def _write_onnx(self, graph):
        from sktransfer.deep._saving.export_step import write_fine_tuned

        return write_fine_tuned(self, graph)
