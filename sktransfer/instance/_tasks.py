"""The parts of a fit that scikit-learn's callbacks see: rounds, candidates, folds."""


class _ReportsTasks:
    """Reports the long parts of a fit to the callbacks of the estimator."""

    def _tasks(self, name, items, *, may_stop=False, data=None, attributes=None):
        """Yield the items, each as a separate task.

        Parameters
        ----------
        name : str
            The name of each task.
        items : iterable
        may_stop : bool, default=False
            Whether no further item is yielded if a callback asks to stop.
        data : dict or None, default=None
            ``X`` and ``y``, or functions that return them, for the callbacks.
        attributes : callable or None, default=None
            Returns the attributes of an estimator as if the fit had ended with the task. None:
            callbacks get no fitted estimator.
        """
        data = {} if data is None else data
        for item in items:
            task, stop = self._callback_fit_ctx.subcontext(task_name=name), False
            task.call_on_fit_task_begin(estimator=self, **data)
            try:
                yield item
            finally:
                stop = task.call_on_fit_task_end(
                    estimator=self, reconstruction_attributes=attributes, **data
                )
            if stop and may_stop:
                return
