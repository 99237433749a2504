"""Semantic soft segmentation from end to end: the paper's stages in order, and all they leave behind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from softseg._checks import check_count, check_instance
from softseg._rng import RNG, generator
from softseg._warnings import warn
from softseg.affinity import Affinity, MattingAffinity
from softseg.affinity.default import AFFINITY
from softseg.eigen import Eigenpairs, Eigensolver
from softseg.features import FeatureExtractor, get_extractor
from softseg.grid import Stencil
from softseg.images import as_features, as_labels, shrink
from softseg.memory import parse_memory, plan_working_pixels, used_memory
from softseg.photos import as_photo, with_transparent_layer
from softseg.progress import Stages, reporter, tick
from softseg.result import SoftSegmentation
from softseg.scene import Scene, preprocess_given
from softseg.settings import DEFAULT, Settings
from softseg.sparsify import constrained, group, initial_clusters, project_to_simplex
from softseg.sparsify.layer_count import MOST_AUTOMATIC_LAYERS, check_layers
from softseg.sparsify.relaxed_stage import relaxed_on
from softseg.upsampling import carried_up


def segment(
    image: Any,
    features: Any = None,
    affinity: Affinity | str | None = None,
    n_eigenvectors: int = 100,
    n_initial: int = 40,
    n_layers: int | Literal["auto"] = 5,
    eigensolver: Eigensolver | str | None = None,
    superpixels: Any = None,
    n_superpixels: int = 2500,
    working_pixels: int | Literal["default"] | None = "default",
    rng: RNG = None,
    settings: Settings | None = None,
    progress: bool | Callable[[str, int, int], object] | None = None,
    background: Any = None,
    max_memory: int | str | None = None,
) -> SoftSegmentation:
    """Decompose a photo into soft layers that follow the objects of the scene.

    Parameters
    ----------
    image : path, file, PIL image, Photo or array_like, shape (H, W, 3)
        The photo; uint8, uint16, or float in [0, 1]. At least 3x3 pixels; grayscale is taken as three equal
        channels. `softseg.read_photo` has options for files that need them.
    features : None, str, FeatureExtractor or array_like, shape (H, W, C), optional
        Semantic features: those of the default extractor, of a registered one, of an extractor, or as given.
        Three given channels are taken as preprocessed; others are preprocessed as published.
    affinity : Affinity or str, optional
        Default ``MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()``. A text is read by
        `Affinity.parse`.
    n_eigenvectors, n_initial, n_layers : int
        Eigenvectors, initial clusters and final layers; fewer where a small or plain photo has no more.
        ``n_layers="auto"`` makes two to ten layers, as many as the photo seems to have objects.
    eigensolver : Eigensolver or str, optional
        In place of that of the settings. A text is read by `Eigensolver.parse`.
    superpixels : array_like of int, shape (H, W), optional
        Any labels. Default: SLIC.
    n_superpixels : int
        How many superpixels SLIC aims at.
    working_pixels : int or None, optional
        Photos of more pixels are shrunk to about this many for all stages, and the layers carried up to full
        size by local affine color models and finished there. None: never. Default: that of the settings,
        which is 320 * 240 unless you choose others.
    rng : None, int or numpy.random.Generator
        None means a fixed seed: the same input gives the same bits on one machine.
    settings : Settings, optional
        How the stages are computed. ``softseg.PUBLISHED`` is the exact path of the paper.
    progress : True or callable, optional
        True shows a bar; a callable is called as ``progress(stage, done, total)``, with stages counted.
    background : color or "layer", optional
        What a transparent photo is put over: ``"white"``, ``"#ffcc00"`` or three numbers in [0, 1]. With
        ``"layer"``, what is transparent becomes a layer of its own, the last, besides the ``n_layers`` of the
        photo over white, of which those are left out that only this white belonged to. Default: white, with
        a warning.
    max_memory : int or str, optional
        How much memory the process may have in the end, saving included: bytes, or ``"4GB"``. Where that is
        little, the working size is smaller, with a warning. Default: any amount.

    Returns
    -------
    SoftSegmentation
        The layers' alphas and colors, and every stage's result.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        In one line that names the argument, before any work, if something does not fit.

    Warns
    -----
    UserWarning
        If fewer layers come out than asked for, the eigensolver did not converge, or something about the
        photo had to be guessed (`softseg.read_photo`).

    References
    ----------
    Aksoy, Oh, Paris, Pollefeys, Matusik, "Semantic Soft Segmentation", ACM TOG 37(4), 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> segment(image, n_layers=2)  # doctest: +ELLIPSIS
    <SoftSegmentation: 2 layers of 30x20 pixels, from back to front
      [...]  ...%  #...
      [...]  ...%  #...>
    """
    settings = _choose_settings(settings, eigensolver, working_pixels)
    affinity = _choose_affinity(affinity)
    _check_counts(n_eigenvectors, n_initial, n_layers, n_superpixels)
    generator(rng)  # checked here; every stage gets it as it is, so that the stages alone give the same bits
    limit = None if max_memory is None else parse_memory(max_memory)
    source = as_photo(image, background=background)
    photo = source.pixels
    if limit is not None:
        settings = _fit_into_memory(settings, limit, photo.shape, n_layers, n_eigenvectors)
    working = photo if settings.working_pixels is None else shrink(photo, settings.working_pixels)
    make_scene = _scene_maker(photo, working, features, superpixels, n_superpixels)

    with reporter(progress) as tell:
        stages = Stages(
            ("features", "superpixels", "Laplacian", "eigenvectors", "constrained", "relaxed"), tell
        )
        with stages.stage("features"):
            scene = make_scene()
        with stages.stage("superpixels"):
            scene.superpixels  # noqa: B018  # computed when first asked for, here to be timed alone
        with stages.stage("Laplacian"):
            laplacian = affinity.laplacian(scene)
        with stages.stage("eigenvectors"):
            k = min(n_eigenvectors, working.shape[0] * working.shape[1] - 1)
            pairs = settings.eigensolver.solve(laplacian, k, rng)
        with stages.stage("constrained"):
            clusters = initial_clusters(scene.features, n_initial, rng)
            initial = constrained(pairs, clusters, sample=settings.sample, rng=rng)
            grouped = group(initial, scene.features, n_layers, rng)
        with stages.stage("relaxed"):
            if working is photo:
                published = relaxed_on(Stencil.of(laplacian), grouped, photo, settings.preconditioner)
                alphas = project_to_simplex(published).astype(np.float32)
            else:
                alphas = carried_up(grouped, working, photo, settings.preconditioner, lambda *_: tick())
    if n_layers != "auto" and alphas.shape[2] < n_layers:
        warn(f"n_layers: {n_layers} asked for, but only {alphas.shape[2]} came out")
    if source.opacity is not None:
        alphas = with_transparent_layer(alphas, source.opacity)
    return SoftSegmentation(
        photo,
        alphas,
        scene,
        affinity,
        pairs,
        initial,
        stages.timings,
        profile=source.profile,
        given_laplacian=laplacian,
    )


def check_options(options: Mapping[str, Any]) -> None:
    """Raise now what `segment` would raise of its options, whatever the photo is.

    Parameters
    ----------
    options : mapping
        What `segment` will be given besides the photo. What depends on the photo's size is not looked at.

    Examples
    --------
    >>> from softseg.segmentation import check_options
    >>> check_options({"n_layers": 0})
    Traceback (most recent call last):
    ValueError: n_layers: expected an integer of at least 1, got 0
    """
    given = inspect.signature(segment).bind(None, **options)
    given.apply_defaults()
    asked = given.arguments
    _choose_settings(asked["settings"], asked["eigensolver"], asked["working_pixels"])
    _choose_affinity(asked["affinity"])
    _check_counts(*(asked[name] for name in inspect.signature(_check_counts).parameters))
    generator(asked["rng"])
    if asked["max_memory"] is not None:
        parse_memory(asked["max_memory"])


def _check_counts(n_eigenvectors: Any, n_initial: Any, n_layers: Any, n_superpixels: Any) -> None:
    check_count("n_eigenvectors", n_eigenvectors)
    check_count("n_initial", n_initial)
    check_layers(n_layers)
    check_count("n_superpixels", n_superpixels)


def _choose_settings(settings: Settings | None, eigensolver: Any, working_pixels: Any) -> Settings:
    """Return the settings with what was asked for besides them."""
    settings = DEFAULT if settings is None else check_instance("settings", settings, Settings)
    if eigensolver is not None:
        settings = replace(settings, eigensolver=eigensolver)
    if not isinstance(working_pixels, str) or working_pixels != "default":
        settings = replace(settings, working_pixels=working_pixels)
    return settings


def _fit_into_memory(
    settings: Settings, limit: int, shape: tuple[int, ...], n_layers: int | str, n_eigenvectors: int
) -> Settings:
    """Return the settings with as small a working size as the memory asks for."""
    height, width = shape[:2]
    count = MOST_AUTOMATIC_LAYERS if isinstance(n_layers, str) else n_layers
    planned = plan_working_pixels(limit, used_memory(), height, width, count, n_eigenvectors)
    if planned >= min(height * width, settings.working_pixels or height * width):
        return settings
    warn(f"max_memory: the working size is about {planned} pixels, to stay within {limit / 1e9:.1f} GB")
    return replace(settings, working_pixels=planned)


def _choose_affinity(affinity: Affinity | str | None) -> Affinity:
    if affinity is None:
        return AFFINITY
    if isinstance(affinity, str):
        return Affinity.parse(affinity)
    checked: Affinity = check_instance("affinity", affinity, Affinity)
    return checked


def _scene_maker(
    photo: np.ndarray, working: np.ndarray, features: Any, superpixels: Any, n_superpixels: int
) -> Callable[[], Scene]:
    """Check features and superpixels now; return what makes the scene later, at working size."""
    labels = None
    if superpixels is not None:
        # They are checked against the photo, whose size the caller knows; so are features.
        labels = _resampled(as_labels(superpixels, photo.shape[:2]), working.shape[:2])
    if features is None or isinstance(features, str):
        features = get_extractor("default" if features is None else features)
    if isinstance(features, FeatureExtractor):
        extractor = features
        return lambda: Scene.of_checked(working, extractor.preprocessed(working), labels, n_superpixels)
    given = as_features(features, photo.shape[:2], working.shape[:2])
    channels = preprocess_given(given, working)
    return lambda: Scene.of_checked(working, channels, labels, n_superpixels)


def _resampled(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the labels at the pixels nearest to those of a smaller image."""
    rows, columns = (
        ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


# Of the constrained stage (Levin, Rav-Acha, Lischinski 2008, their published code).
SPECTRAL_MATTING_ITERATIONS = 20


def spectral_matting(
    image: Any,
    n_eigenvectors: int = 50,
    n_layers: int = 20,
    eigensolver: Eigensolver | str | None = None,
    rng: RNG = None,
    background: Any = None,
) -> SoftSegmentation:
    """Decompose a photo by Spectral Matting, the baseline that the paper compares with.

    The matting affinity alone, k-means on eigenvectors 2 to ``n_layers + 1`` scaled by the inverse square
    roots of their eigenvalues, and the constrained stage; no grouping and no relaxed stage.

    Parameters
    ----------
    image : path, file, PIL image, Photo or array_like, shape (H, W, 3)
        The photo; uint8, uint16, or float in [0, 1]. At least 3x3 pixels.
    n_eigenvectors : int
        Eigenvectors.
    n_layers : int
        Initial clusters; fewer layers survive.
    eigensolver : Eigensolver or str, optional
        Default `LOBPCG`. A text is read by `Eigensolver.parse`.
    rng : None, int or numpy.random.Generator
        None means a fixed seed.
    background : color or "layer", optional
        As for `segment`.

    Returns
    -------
    SoftSegmentation
        ``initial_alphas`` are the published layers; ``alphas`` their projection onto the simplex.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        In one line that names the argument, before any work, if something does not fit.

    References
    ----------
    Levin, Rav-Acha, Lischinski, "Spectral Matting", PAMI 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import spectral_matting
    >>> image = np.zeros((12, 20, 3)); image[:, 8:] = 1
    >>> spectral_matting(image, n_eigenvectors=8, n_layers=2)  # doctest: +ELLIPSIS
    <SoftSegmentation: 2 layers of 20x12 pixels, from back to front
      [...]  ...%  #...
      [...]  ...%  #...>
    """
    check_count("n_eigenvectors", n_eigenvectors)
    check_count("n_layers", n_layers)
    solver = _choose_settings(None, eigensolver, "default").eigensolver
    generator(rng)
    source = as_photo(image, background=background)
    scene = Scene(source)
    stages = Stages(("Laplacian", "eigenvectors", "constrained"))
    affinity = MattingAffinity()
    with stages.stage("Laplacian"):
        laplacian = affinity.laplacian(scene)
    with stages.stage("eigenvectors"):
        n_pixels = scene.shape[0] * scene.shape[1]
        pairs = _with_absolute_values(solver.solve(laplacian, min(n_eigenvectors, n_pixels - 1), rng))
    with stages.stage("constrained"):
        labels = initial_clusters(_scaled_vectors(pairs, n_layers, scene.shape), n_layers, rng)
        initial = constrained(pairs, labels, SPECTRAL_MATTING_ITERATIONS, rng=rng)
    alphas = project_to_simplex(initial).astype(np.float32)
    if source.opacity is not None:
        alphas = with_transparent_layer(alphas, source.opacity)
    return SoftSegmentation(
        scene.image,
        alphas,
        scene,
        affinity,
        pairs,
        initial,
        stages.timings,
        profile=source.profile,
        given_laplacian=laplacian,
    )


def _with_absolute_values(pairs: Eigenpairs) -> Eigenpairs:
    # The matting Laplacian is positive semidefinite: what is below zero is rounding.
    return Eigenpairs(np.abs(pairs.values), pairs.vectors, pairs.residuals, pairs.converged)


def _scaled_vectors(pairs: Eigenpairs, count: int, shape: tuple[int, int]) -> Float[np.ndarray, "H W C"]:
    """Return eigenvectors 2 .. count + 1 over the square roots of their eigenvalues, as an image."""
    values = pairs.values[1 : count + 1]
    floor = np.finfo(float).eps * max(float(pairs.values.max()), np.finfo(float).tiny)
    scaled = pairs.vectors[:, 1 : count + 1] / np.sqrt(np.maximum(values, floor))
    return scaled.reshape(*shape, -1)
