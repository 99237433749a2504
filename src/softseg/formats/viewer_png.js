// PNG files, read and written here: a canvas stores colors multiplied by their alpha, in 8 bits, and
// so cannot give back the color of a pixel that is nearly transparent.

const PAETH = 4;

// What a PNG filter takes a byte to be, from the bytes to the left, above, and above to the left.
function predicted(filter, left, up, corner) {
  switch (filter) {
    case 0: return 0;
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) >> 1;
    default: {
      const toLeft = Math.abs(up - corner), toUp = Math.abs(left - corner);
      const toCorner = Math.abs(left + up - 2 * corner);
      return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }
  }
}

async function through(transform, parts) {
  return new Uint8Array(await new Response(new Blob(parts).stream().pipeThrough(transform)).arrayBuffer());
}

// The bytes of the pixels of a PNG that is not interlaced: as they are in the file, 16 bits high byte first.
async function decodedPng(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const width = view.getUint32(16), height = view.getUint32(20);
  const depth = file[24] / 8, channels = { 0: 1, 2: 3, 6: 4 }[file[25]];
  const compressed = [];
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (name === "IDAT") compressed.push(file.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const filtered = await through(new DecompressionStream("deflate"), compressed);
  const step = depth * channels, stride = width * step;
  const bytes = new Uint8Array(height * stride);
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    const filter = filtered[from++];
    for (let x = 0; x < stride; x++, from++, to++) {
      const left = x >= step ? bytes[to - step] : 0, up = y > 0 ? bytes[to - stride] : 0;
      const corner = x >= step && y > 0 ? bytes[to - stride - step] : 0;
      bytes[to] = filtered[from] + predicted(filter, left, up, corner);
    }
  }
  return bytes;
}

const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(content, 8);
  let crc = ~0;
  for (const byte of bytes.subarray(4, -4)) crc = CRCS[(crc ^ byte) & 255] ^ (crc >>> 8);
  view.setUint32(bytes.length - 4, ~crc);
  return bytes;
}

// An RGBA image, 8 bits, straight alpha, as a PNG file.
async function encodedPng(rgba, width, height) {
  const stride = 4 * width, filtered = new Uint8Array(height * (stride + 1));
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    filtered[to++] = PAETH;
    for (let x = 0; x < stride; x++, from++, to++) {
      const left = x >= 4 ? rgba[from - 4] : 0, up = y > 0 ? rgba[from - stride] : 0;
      const corner = x >= 4 && y > 0 ? rgba[from - stride - 4] : 0;
      filtered[to] = rgba[from] - predicted(PAETH, left, up, corner);
    }
  }
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 6], 8);
  const compressed = await through(new CompressionStream("deflate"), [filtered]);
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const chunks = [chunk("IHDR", header), chunk("IDAT", compressed), chunk("IEND", [])];
  return new Blob([signature, ...chunks], { type: "image/png" });
}
