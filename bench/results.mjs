import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../scripts/build.mjs';
import { chart } from './chart.mjs';

const folder = path.join(root, 'bench', 'results');
const image = path.join(root, 'docs', 'images', 'bench.svg');

/** Keeps everything that was measured in bench/results, which git ignores; gives the file. */
export function saveResult(result) {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${result.date.slice(0, 19).replaceAll(':', '-')}-${result.commit}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** @throws when it is no result of this program */
export function loadResult(file) {
  const result = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(result.figures?.[0]?.values))
    throw new Error(`${file} is not a result of npm run bench, or one of an older version`);
  return result;
}

/** Draws the picture of the README; gives the file. */
export function saveChart(result) {
  mkdirSync(path.dirname(image), { recursive: true });
  writeFileSync(image, chart(result));
  return image;
}
