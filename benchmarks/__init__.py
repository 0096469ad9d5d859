"""Benchmarks: accuracy beside published tables, speed beside the bare formulas.

``python -m benchmarks`` lists them; ``python -m benchmarks office_caltech --data FOLDER`` runs one.

To add one, add a file to this folder. Its module docstring begins with the title, in one line, and
goes on with the question that it answers. Its function does the work::

    def run(data_home, *, quick=False):
        return [Table("title", columns=["method", "accuracy"], rows=[["ours", 50.46]])]

A benchmark that also makes pictures or pages has ``draw(tables, folder)``, which writes them into
the folder of the results and gives their paths.

``data_home`` is the folder of data sets or None, to be handed to a loader of ``_data``; ``quick``
asks for the shortest run that shows something. Files that begin with an underscore are not listed.
"""
