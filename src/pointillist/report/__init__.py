"""What people look at: drawn points, plots, tables and an HTML page.

- :mod:`~pointillist.report.draw`: points drawn into images;
- :mod:`~pointillist.report.pictures`: example pictures of truth and prediction, contact sheets;
- :mod:`~pointillist.report.plots`: plots of scores;
- :mod:`~pointillist.report.tables`: scores as rows, for the terminal and Markdown;
- :mod:`~pointillist.report.html`: one self-contained page of it all;
- :mod:`~pointillist.report.evaluation`: the folder that an evaluation leaves;
- :mod:`~pointillist.report.overlays`: predictions drawn into every image.
"""
