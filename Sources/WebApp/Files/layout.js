// How large tiles are. No document here: numbers in, numbers out.

export const GAP = 10;
const WIDEST = 16 / 9;
const SMALLEST = 104;

// The size of `count` equal tiles that fill `width` × `height` best. Tiles may be as wide as a film and, in a tall place, taller than wide.
// Where they would get too small to see a face they keep the smallest size, and the place `scrolls`.
export function tileSize(count, width, height) {
  const narrowest = width < height ? 9 / 16 : 4 / 3;
  let best = { width: 0, height: 0, scrolls: false };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    let w = (width - GAP * (columns - 1)) / columns;
    let h = (height - GAP * (rows - 1)) / rows;
    if (w / h > WIDEST) w = h * WIDEST;
    if (w / h < narrowest) h = w / narrowest;
    if (w * h > best.width * best.height) best = { width: w, height: h, scrolls: false };
  }
  if (best.width < SMALLEST || best.height < SMALLEST * 0.75) {
    const columns = Math.max(1, Math.floor((width + GAP) / (SMALLEST + GAP)));
    const w = (width - GAP * (columns - 1)) / columns;
    best = { width: w, height: w * 0.75, scrolls: true };
  }
  return { width: Math.max(1, Math.floor(best.width)), height: Math.max(1, Math.floor(best.height)), scrolls: best.scrolls };
}
