import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { settingsSchema } from '../src/config/schema.ts';
import { errorCatalogue } from '../src/errors.ts';
import { startApp } from './support/app.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const curlInNode = fileURLToPath(new URL('support/curl.mjs', import.meta.url));
const run = promisify(execFile);

/** The cells of the table below a header row, without the backticks of code. */
function table(header: string): string[][] {
  const [, ...lines] = readme.slice(readme.indexOf(header)).split('\n');
  const rows = lines.slice(
    1,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

t.test('the tour runs as it is written', async (t) => {
  const { app, database } = await startApp(t);
  await app.listen({ port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const tour = /```sh\n([\s\S]*?)```/.exec(readme)?.[1]?.replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`);
  const { stdout } = await run('sh', ['-ec', tour ?? 'exit 1'], { env: await withCurl(t) });

  const [registered, me, tokens, ...rest] = stdout
    .replaceAll('}{', '}\n{')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.strictSame(rest, []);
  t.match(registered, { name: 'Ada', email: 'ada@example.com', location: 'London', about: null });
  t.strictSame(me, registered);
  t.match(tokens, { token_type: 'Bearer', expires_in: 900, access_token: /^ey/, refresh_token: /^ey/ });
  const { rows } = await database.client.query('SELECT user_id, generation FROM refreshaccesstokens');
  t.match(rows, [{ user_id: String(registered.user_id), generation: 2 }]);
});

/** An environment with curl: the real one, or where it is missing a small one in Node. */
async function withCurl(t: Test): Promise<NodeJS.ProcessEnv> {
  try {
    await run('curl', ['--version']);
    return process.env;
  } catch {
    const folder = t.testdir({});
    symlinkSync(curlInNode, join(folder, 'curl'));
    return { ...process.env, PATH: [folder, process.env['PATH']].join(delimiter) };
  }
}

t.test('the table of settings is the schema', async (t) => {
  const expected = Object.entries(settingsSchema.properties).map(
    ([name, { default: value, description }]) => [name, String(value ?? ''), description],
  );
  t.strictSame(table('| Setting | Default | Meaning |'), expected);
});

t.test('the table of errors is the catalogue', async (t) => {
  const expected = Object.entries(errorCatalogue).map(([code, { status, detail }]) => [
    String(status),
    code,
    detail,
  ]);
  t.strictSame(table('| Status | `error_code` | Meaning |'), expected);
});

t.test('the table of routes names what is there', async (t) => {
  const { app } = await startApp(t);
  const routes = [
    ...readme.matchAll(/^\| `(GET|POST|DELETE) ([^`]+)`(?:, `([^`]+)`)?(?:, `([^`]+)`)? \|/gm),
  ].flatMap(([, method = '', ...paths]) =>
    paths.filter((path) => path !== undefined).map((path) => ({ method, path })),
  );
  t.ok(routes.length >= 18);
  for (const { method, path } of routes) {
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    t.ok(
      app.hasRoute({ method: method as 'GET' | 'POST' | 'DELETE', url }) ||
        app.hasRoute({ method: 'GET', url: `${url}/` }),
      `${method} ${path}`,
    );
  }
});
