"""The paper's network computed directly in NumPy, from TensorFlow variables, as docs/method.md has it.

Independent of the package: no torch, other loops, TensorFlow's memory layout (height, width, channels).
"""

from __future__ import annotations

import numpy as np

BLOCKS = {
    2: ["a", "b", "c"],
    3: ["a", "b1", "b2", "b3"],
    4: ["a", *(f"b{i}" for i in range(1, 23))],
    5: ["a", "b", "c"],
}


def random_variables(width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a complete checkpoint of a network of that width; 64 would be the published one."""
    variables = {}

    def conv(name, size, inputs, outputs):
        scale = 1 / np.sqrt(size * size * inputs)
        variables[name] = rng.normal(0, scale, (size, size, inputs, outputs))

    def normalized(suffix, size, inputs, outputs, gain=1.0):
        conv("conv1/weights" if suffix == "_conv1" else f"res{suffix}/weights", size, inputs, outputs)
        variables[f"bn{suffix}/gamma"] = gain * rng.uniform(0.5, 1.5, outputs)
        variables[f"bn{suffix}/beta"] = rng.normal(0, 0.3, outputs)
        variables[f"bn{suffix}/moving_mean"] = rng.normal(0, 0.3, outputs)
        variables[f"bn{suffix}/moving_variance"] = rng.uniform(0.5, 2, outputs)

    normalized("_conv1", 7, 3, width, gain=0.02)  # its input runs to 150
    inputs, outputs = width, 4 * width
    for stage, blocks in BLOCKS.items():
        for block in blocks:
            if block == "a":
                normalized(f"{stage}a_branch1", 1, inputs, outputs)
            normalized(f"{stage}{block}_branch2a", 1, inputs, outputs // 4)
            normalized(f"{stage}{block}_branch2b", 3, outputs // 4, outputs // 4)
            normalized(f"{stage}{block}_branch2c", 1, outputs // 4, outputs, gain=0.3)
            inputs = outputs
        outputs *= 2
    for number, (size, channels, out) in {
        0: (1, 3, 4),
        1: (1, width, 2 * width - 4),
        3: (1, 8 * width, 2 * width),
        4: (3, 16 * width, 4 * width),
        5: (3, 32 * width, 8 * width),
    }.items():
        conv(f"hypercolumn_layers/hc_cv_{number}/weights", size, channels, out)
        variables[f"hypercolumn_layers/hc_cv_{number}/biases"] = rng.normal(0, 0.3, out)
    for name, channels in {"fc1": 16 * width, "fc2": 8 * width}.items():
        layer = f"{name}_matting/linear"
        variables[f"{layer}/fc_weights1"] = rng.normal(0, channels**-0.5, (channels, 4 * width))
        variables[f"{layer}/fc_weights2"] = rng.normal(0, (4 * width) ** -0.5, (4 * width, 8 * width))
        variables[f"{layer}/biases"] = rng.normal(0, 0.3, 8 * width)
    variables["fc3_matting/linear/fc_weights1"] = rng.normal(0, (16 * width) ** -0.5, (16 * width, 2 * width))
    variables["fc3_matting/linear/fc_biases"] = rng.normal(0, 0.3, 2 * width)
    return {name: values.astype(np.float32) for name, values in variables.items()}


def padded_same(x, extent, stride, value):
    """Pad (H, W, C) for windows that start every ``stride`` pixels and reach ``extent`` far."""
    widths = []
    for n in x.shape[:2]:
        fit = int(np.ceil(n / stride))
        total = max((fit - 1) * stride + extent - n, 0)
        widths.append((total // 2, total - total // 2))
    return np.pad(x, [*widths, (0, 0)], constant_values=value)


def conv_same(x, weights, stride=1, dilation=1):
    """Convolve (H, W, C) with weights (height, width, in, out), one window position after another."""
    size = weights.shape[0]
    extent = dilation * (size - 1) + 1
    fit = [int(np.ceil(n / stride)) for n in x.shape[:2]]
    padded = padded_same(x, extent, stride, 0)
    out = np.zeros((*fit, weights.shape[3]))
    for i in range(size):
        for j in range(size):
            rows = i * dilation + stride * np.arange(fit[0])
            columns = j * dilation + stride * np.arange(fit[1])
            out += padded[np.ix_(rows, columns)] @ weights[i, j].astype(np.float64)
    return out


def max_pool_same(x):
    """Return the maxima of 3x3 windows, every second one."""
    padded = padded_same(x, 3, 2, -np.inf)
    fit = [int(np.ceil(n / 2)) for n in x.shape[:2]]
    out = np.empty((*fit, x.shape[2]))
    for y in range(fit[0]):
        for x_ in range(fit[1]):
            out[y, x_] = padded[2 * y : 2 * y + 3, 2 * x_ : 2 * x_ + 3].max((0, 1))
    return out


def resized_tf1(x, height, width):
    """Enlarge (h, w, C) pixel by pixel: source = target * in / out, clamped."""
    out = np.empty((height, width, x.shape[2]))
    for i in range(height):
        for j in range(width):
            y, x_ = i * x.shape[0] / height, j * x.shape[1] / width
            top, left = int(y), int(x_)
            bottom, right = min(top + 1, x.shape[0] - 1), min(left + 1, x.shape[1] - 1)
            upper = x[top, left] + (x_ - left) * (x[top, right] - x[top, left])
            lower = x[bottom, left] + (x_ - left) * (x[bottom, right] - x[bottom, left])
            out[i, j] = upper + (y - top) * (lower - upper)
    return out


def mirrored(n, padding):
    """Return which of n pixels each one of a line with mirrored ends shows, by walking to and fro."""
    position, step, walk = 0, 1, []
    for _ in range(padding + n):
        walk.append(position)
        if not 0 <= position + step < n:
            step = -step
        position += step
    # The mirror before the first pixel is the same walk, backwards.
    return walk[padding:0:-1] + walk


def direct_features(variables, image, batch_statistics=False):
    """Return the network's features of a photo (H, W, 3), RGB in [0, 1]."""

    def normalized(x, suffix, relu=True, **options):
        weights = variables["conv1/weights" if suffix == "_conv1" else f"res{suffix}/weights"]
        x = conv_same(x, weights, **options)
        mean, variance = variables[f"bn{suffix}/moving_mean"], variables[f"bn{suffix}/moving_variance"]
        if batch_statistics:
            mean, variance = x.mean((0, 1)), x.var((0, 1))
        x = (x - mean) / np.sqrt(variance + 1e-3)
        x = x * variables[f"bn{suffix}/gamma"] + variables[f"bn{suffix}/beta"]
        return np.maximum(x, 0) if relu else x

    height, width = image.shape[:2]
    bgr = 255 * image[..., ::-1] - [104.00698793, 116.66876762, 122.67891434]
    x = bgr[mirrored(height, 50)][:, mirrored(width, 50)]
    layers = {0: x / 128}
    x = layers[1] = max_pool_same(normalized(x, "_conv1", stride=2))
    for stage, blocks in BLOCKS.items():
        for block in blocks:
            stride = 2 if (stage, block) == (3, "a") else 1
            dilation = {4: 2, 5: 4}.get(stage, 1)
            name = f"{stage}{block}_branch"
            shortcut = normalized(x, f"{name}1", relu=False, stride=stride) if block == "a" else x
            x = normalized(x, f"{name}2a", stride=stride)
            x = normalized(x, f"{name}2b", dilation=dilation)
            before_relu = shortcut + normalized(x, f"{name}2c", relu=False)
            x = np.maximum(before_relu, 0)
        if stage == 3:
            layers[3] = x
        elif stage == 4:
            layers[4] = x
    layers[5] = before_relu
    hypercolumn = []
    for number in (0, 1, 3, 4, 5):
        layer = f"hypercolumn_layers/hc_cv_{number}"
        maps = conv_same(layers[number], variables[f"{layer}/weights"]) + variables[f"{layer}/biases"]
        hypercolumn.append(resized_tf1(maps, height + 100, width + 100)[50:-50, 50:-50])
    h = np.maximum(np.concatenate(hypercolumn, axis=2), 0)
    both = []
    for name in ("fc1", "fc2"):
        layer = f"{name}_matting/linear"
        h = h @ variables[f"{layer}/fc_weights1"] @ variables[f"{layer}/fc_weights2"]
        h = np.maximum(h + variables[f"{layer}/biases"], 0)
        both.append(h)
    last = "fc3_matting/linear"
    return np.concatenate(both, axis=2) @ variables[f"{last}/fc_weights1"] + variables[f"{last}/fc_biases"]
