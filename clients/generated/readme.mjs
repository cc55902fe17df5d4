import { readFileSync } from 'node:fs';

const readme = new URL('../../README.md', import.meta.url);

/** Where the lines of the README expect the service. */
export const readmeOrigin = 'http://127.0.0.1:8000';

/** The lines of the code blocks in "Generate a client", without their comments. */
export function commandsOfReadme() {
  const section = /^## Generate a client$([\s\S]*?)^## /m.exec(readFileSync(readme, 'utf8'))?.[1];
  if (section === undefined) throw new Error('the README has no section "## Generate a client"');
  return [...section.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block]) => block.split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'));
}
