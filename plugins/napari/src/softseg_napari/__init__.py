"""Semantic soft segmentation in napari; `napari.yaml` says what napari finds here."""
