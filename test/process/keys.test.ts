import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import t, { type Test } from 'tap';
import { emptyFolder, run } from '../support/gatehouse-process.ts';
import { problemsOf } from '../support/settings.ts';

async function keys(t: Test, cwd: string, args: string[], env: Record<string, string> = {}) {
  const tool = run(t, 'key-tool.js', { cwd, args, env });
  const { code } = await tool.ended;
  return { code, stdout: tool.stdout(), stderr: tool.stderr() };
}

const settingsIn = (path: string) => parseEnv(readFileSync(path, 'utf8')) as Record<string, string>;

/** Every file below the folder, with its mode. */
function modes(folder: string): Set<number> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Set(files.map((file) => statSync(file).mode & 0o777));
}

function rotationIn(folder: string, kind: string): Record<string, string>[] {
  const name = readdirSync(join(folder, 'keys')).find((each) => each.startsWith(`rotate-${kind}-`)) ?? '';
  return ['1-announce', '2-switch', '3-retire'].map((step) =>
    settingsIn(join(folder, 'keys', name, `${step}.env`)),
  );
}

t.test('generate makes what a start accepts, for its owner alone', async (t) => {
  for (const algorithm of ['HS256', 'HS384', 'HS512', 'RS256', 'ES256', 'EdDSA', undefined]) {
    const folder = emptyFolder(t);
    const { code, stdout } = await keys(t, folder, [
      'generate',
      ...(algorithm ? ['--algorithm', algorithm] : []),
    ]);
    t.equal(code, 0);
    const file = join(folder, 'keys', 'settings.env');
    t.match(stdout, `cat ${file} >> .env`);
    const settings = settingsIn(file);
    t.equal(settings['TOKEN_CREATION_ALGORITHM'], algorithm ?? 'ES256');
    const production = { NODE_ENV: 'production', DATABASE_URL: 'postgres://u:p@h/d' };
    t.strictSame(problemsOf({ ...production, ...settings }), []);
    t.strictSame(modes(folder), new Set([0o600]));
    t.equal(statSync(join(folder, 'keys')).mode & 0o777, 0o700);
    for (const value of Object.values(settings)) {
      if (value.length > 60) t.notMatch(stdout, value, 'no secret is shown');
    }

    const before = readdirSync(join(folder, 'keys'));
    const again = await keys(t, folder, ['generate']);
    t.equal(again.code, 1);
    t.match(again.stderr, 'settings.env is already there');
    const inForce = await keys(t, folder, ['generate', '--directory', 'elsewhere'], settings);
    t.equal(inForce.code, 1);
    t.match(inForce.stderr, /REFRESH_TOKEN_SECRET.* is set, .* would log everyone out\. `rotate`/);
    t.strictSame(readdirSync(folder), ['keys']);
    t.strictSame(
      readdirSync(join(folder, 'keys')),
      before,
      'nothing is overwritten, and nothing left behind',
    );
  }
});

t.test('rotate writes three steps, each of which a start accepts', async (t) => {
  for (const [from, to] of [
    ['HS256'],
    ['HS512'],
    ['RS256'],
    ['ES256', 'EdDSA'],
    ['HS256', 'ES256'],
  ] as const) {
    const folder = emptyFolder(t);
    await keys(t, folder, ['generate', '--algorithm', from]);
    const settings = settingsIn(join(folder, 'keys', 'settings.env'));
    const { code, stdout } = await keys(t, folder, ['rotate', ...(to ? ['--algorithm', to] : [])], settings);
    t.equal(code, 0);
    t.match(
      stdout,
      /1-announce\.env[\s\S]*wait five minutes[\s\S]*2-switch\.env[\s\S]*3-retire\.env[\s\S]*After another 15 minutes/,
    );
    const steps = rotationIn(folder, 'access');
    let inForce = settings;
    for (const step of steps) {
      inForce = { ...inForce, ...step };
      t.strictSame(problemsOf(inForce), []);
    }
    t.equal(inForce['TOKEN_CREATION_ALGORITHM'], to ?? from);
    t.strictSame(modes(folder), new Set([0o600]));
  }
});

t.test('the next pair lies beside the one in force, unless a folder is named', async (t) => {
  const folder = emptyFolder(t);
  await keys(t, folder, ['generate']);
  const settings = settingsIn(join(folder, 'keys', 'settings.env'));
  const pairs = (name: string) => readdirSync(join(folder, name)).filter((each) => each.endsWith('.pem'));
  const before = pairs('keys');
  t.equal((await keys(t, folder, ['rotate', '--directory', 'next'], settings)).code, 0);
  t.strictSame(pairs('keys'), before, 'where the one in force lies may be read-only');
  t.equal(pairs('next').length, 3, 'the next pair, and the public half of the one in force');
  const [name = ''] = readdirSync(join(folder, 'next')).filter((each) => each.startsWith('rotate-'));
  const change = settingsIn(join(folder, 'next', name, '2-switch.env'));
  for (const file of Object.values(change)) t.ok(file.startsWith(`${folder}/next/`), file);
  t.strictSame(problemsOf({ ...settings, ...change }), []);

  t.equal((await keys(t, folder, ['rotate'], settings)).code, 0);
  t.equal(pairs('keys').length, before.length + 2);
});

t.test('rotate refresh, by what is in .env and in the environment', async (t) => {
  const folder = emptyFolder(t);
  await keys(t, folder, ['generate', '--directory', '.']);
  const env = settingsIn(join(folder, 'settings.env'));
  renameSync(join(folder, 'settings.env'), join(folder, '.env'));
  const { code, stdout } = await keys(t, folder, ['rotate', 'refresh'], {
    REFRESH_TOKEN_SECRET_PREVIOUS: 'one-before-that-Xq8vT3nLwZ5rK7cJ2',
    SESSION_IDLE_DAYS: '7',
  });
  t.equal(code, 0);
  t.match(stdout, 'After another 7 days');
  const [announce = {}, change = {}, retire = {}] = rotationIn(folder, 'refresh');
  const before = 'one-before-that-Xq8vT3nLwZ5rK7cJ2';
  const next = change['REFRESH_TOKEN_SECRET'];
  t.strictSame(announce, { REFRESH_TOKEN_SECRET_PREVIOUS: `${before},${next}` });
  t.equal(change['REFRESH_TOKEN_SECRET_PREVIOUS'], `${before},${env['REFRESH_TOKEN_SECRET']}`);
  t.strictSame(retire, { REFRESH_TOKEN_SECRET_PREVIOUS: before });
});

t.test('secrets with characters that mean something in .env files', async (t) => {
  for (const secret of [
    'Xq8vT3nLwZ5rK7cJ2#"Xq8vT3nLwZ5rK7cJ',
    "Xq8vT3nLwZ5rK7cJ2 '#\\n Xq8vT3nLwZ5rK7cJ",
    '`Xq8vT3nLwZ5rK7cJ2 Xq8vT3nLwZ5rK7c`',
  ]) {
    const folder = emptyFolder(t);
    const { code, stderr } = await keys(t, folder, ['rotate', 'refresh'], { REFRESH_TOKEN_SECRET: secret });
    t.equal(code, 0, stderr);
    const [, change = {}] = rotationIn(folder, 'refresh');
    t.equal(change['REFRESH_TOKEN_SECRET_PREVIOUS'], secret);
  }
});

t.test('going over to a key pair forgets no secret before its time', async (t) => {
  const folder = emptyFolder(t);
  await keys(t, folder, ['generate', '--algorithm', 'HS256']);
  const settings = settingsIn(join(folder, 'keys', 'settings.env'));
  const before = 'one-before-that-Xq8vT3nLwZ5rK7cJ2';
  await keys(t, folder, ['rotate', '--algorithm', 'ES256'], { ...settings, SECRET_KEY_PREVIOUS: before });
  const [, change = {}, retire = {}] = rotationIn(folder, 'access');
  t.equal(change['SECRET_KEY_PREVIOUS'], `${before},${settings['SECRET_KEY']}`);
  t.strictSame(retire, { SECRET_KEY_PREVIOUS: before, SECRET_KEY: '' });
});

t.test('client makes a secret and the entry that knows its hash', async (t) => {
  const folder = emptyFolder(t);
  const { stdout } = await keys(t, folder, ['client', 'gateway-1']);
  const [entry = ''] = /gateway-1:[0-9a-f]{64}$/m.exec(stdout) ?? [];
  t.strictSame(problemsOf({ INTROSPECTION_CLIENTS: entry }), []);
  const { CLIENT_ID, CLIENT_SECRET } = settingsIn(join(folder, 'keys', 'client-gateway-1.env'));
  t.equal(CLIENT_ID, 'gateway-1');
  t.match(CLIENT_SECRET, /^[\w-]{86}$/);
  t.notMatch(stdout, CLIENT_SECRET);
  t.strictSame(modes(folder), new Set([0o600]));
  t.match((await keys(t, folder, ['client', 'gateway-1'])).stderr, 'client-gateway-1.env is already there');
});

t.test('what it cannot do, it says', async (t) => {
  const folder = emptyFolder(t);
  const refusals: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [[], {}, /^Usage: npm run keys -- <command>/],
    [['generate', 'more'], {}, /^Usage/],
    [['rotate', 'everything'], {}, /^Usage/],
    [['rotate', 'refresh', '--algorithm', 'ES256'], {}, /^Usage/],
    [['client'], {}, /^Usage/],
    [['--bogus'], {}, /^Unknown option '--bogus'[\s\S]*Usage/],
    [['generate', '--algorithm', 'none'], {}, /^--algorithm must be one of HS256/],
    [['rotate'], {}, /^SECRET_KEY is not set, here or in \.env, so there is nothing to rotate/],
    [['rotate', '--algorithm', 'HS512'], {}, /^HS256 cannot give way to HS512 step by step/],
    [['rotate'], { SECRET_KEY: 'short' }, /SECRET_KEY must be at least 32 bytes/],
    [['client', 'a:b'], {}, /^An id is made of letters/],
    [
      ['generate', '--directory', '/dev/null/keys'],
      {},
      /^Nothing can be written there: ENOTDIR.* with --directory$/m,
    ],
  ];
  for (const [args, env, message] of refusals) {
    const { code, stderr, stdout } = await keys(t, folder, args, env);
    t.equal(code, 1, args.join(' '));
    t.match(stderr, message);
    t.equal(stdout, '');
  }
  t.strictSame(readdirSync(folder), []);
});
