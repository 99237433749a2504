// What is done to pixels. A layer has alpha (Uint16Array, opaque at 65535) and colors (Uint8Array, r g b).

const OPAQUE = 65535;

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function luminosity(r, g, b) {
  return 0.3 * r + 0.59 * g + 0.11 * b;
}

// The colors with the hue and saturation of a tint and their own luminosity: the blend mode "color" of
// W3C's Compositing and Blending Level 1, with its SetLum and ClipColor.
function tinted(colors, tint) {
  const [tr, tg, tb] = rgb(tint), own = luminosity(tr, tg, tb);
  const least = Math.min(tr, tg, tb) - own, most = Math.max(tr, tg, tb) - own;
  const out = new Uint8ClampedArray(colors.length);
  for (let i = 0; i < colors.length; i += 3) {
    const light = luminosity(colors[i], colors[i + 1], colors[i + 2]);
    let chroma = 1;
    if (light + least < 0) chroma = light / -least;
    if (light + most > 255) chroma = (255 - light) / most;
    out[i] = light + chroma * (tr - own);
    out[i + 1] = light + chroma * (tg - own);
    out[i + 2] = light + chroma * (tb - own);
  }
  return out;
}

// Which layer each pixel belongs to most.
function owners(layers) {
  const owner = new Uint8Array(layers[0].alpha.length);
  for (let p = 0; p < owner.length; p++) {
    for (let k = 1; k < layers.length; k++) {
      if (layers[k].alpha[p] > layers[owner[p]].alpha[p]) owner[p] = k;
    }
  }
  return owner;
}

// The layers added up, sum_k alpha_k F_k, each times its opacity: RGBA with straight alpha or, if there is a
// background [r, g, b], before it and opaque.
function mixed(layers, opacities, background) {
  const alphas = layers.map((layer) => layer.alpha), colors = layers.map((layer) => layer.colors);
  const count = layers.length, pixels = count ? alphas[0].length : 0;
  // Where no layer is, the colors that they would have there: a share too small to show.
  const trace = 1e-3;
  const out = new Uint8ClampedArray(4 * pixels);
  for (let p = 0; p < pixels; p++) {
    let r = 0, g = 0, b = 0, sum = 0;
    for (let k = 0; k < count; k++) {
      const weight = opacities[k] * alphas[k][p] + trace, color = colors[k];
      r += weight * color[3 * p];
      g += weight * color[3 * p + 1];
      b += weight * color[3 * p + 2];
      sum += weight;
    }
    r /= sum, g /= sum, b /= sum;
    let alpha = Math.min(sum / OPAQUE, 1);
    if (background) {
      r = alpha * r + (1 - alpha) * background[0];
      g = alpha * g + (1 - alpha) * background[1];
      b = alpha * b + (1 - alpha) * background[2];
      alpha = 1;
    }
    out[4 * p] = r;
    out[4 * p + 1] = g;
    out[4 * p + 2] = b;
    out[4 * p + 3] = 255 * alpha;
  }
  return out;
}

// A dark veil over all that is not this layer.
function veiled(layer, strength) {
  const out = new Uint8ClampedArray(4 * layer.alpha.length);
  for (let p = 0; p < layer.alpha.length; p++) {
    out[4 * p] = 10;
    out[4 * p + 1] = 10;
    out[4 * p + 2] = 14;
    out[4 * p + 3] = strength * 255 * (1 - layer.alpha[p] / OPAQUE);
  }
  return out;
}
