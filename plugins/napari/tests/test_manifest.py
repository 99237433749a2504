"""What napari finds of the plugin."""

from __future__ import annotations

import subprocess
import sys

from npe2 import PluginManifest

from softseg_napari.widget import SoftLayers


def test_the_manifest_is_valid_and_all_it_names_is_there():
    manifest = PluginManifest.from_distribution("softseg-napari")
    manifest.validate_imports()
    assert [writer.filename_extensions for writer in manifest.contributions.writers] == [
        [".psd"],
        [".exr"],
        [".ora"],
        [".npz"],
    ]


def test_napari_opens_the_panel(make_napari_viewer):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("softseg-napari", "Soft layers")
    assert isinstance(widget, SoftLayers)


def test_finding_the_plugin_imports_nothing_heavy():
    """Opening any file asks the reader, which must not take the seconds that networks take."""
    code = "import sys, softseg_napari; assert not {'softseg', 'torch', 'napari'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
