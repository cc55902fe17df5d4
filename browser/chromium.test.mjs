import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { findChromium, launch } from './chromium.mjs';

let server;
let port;

before(async () => {
  server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><title>t</title><b>${request.headers.host}</p>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address());
});

after(() => server.close());

async function seeOnlyOurs(t) {
  const browser = await launch({ hosts: ['gatehouse.test', 'other.test'] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  for (const host of ['gatehouse.test', 'a.gatehouse.test', 'other.test', 'localhost']) {
    await page.goto(`http://${host}:${port}/`);
    assert.equal(await page.locator('b').textContent(), `${host}:${port}`);
    assert.ok((await page.locator('b').boundingBox()).width > 50, 'there is a font to show it with');
  }
  // The last two would answer, were they not unreachable
  for (const host of ['example.com', 'notgatehouse.test', 'gatehouse.test.example', '127.0.0.1', '[::1]'])
    await assert.rejects(page.goto(`http://${host}:${port}/`), /ERR_NAME_NOT_RESOLVED/, host);
}

test('of the network, a page sees the hosts that were given', seeOnlyOurs);

/** An empty variable counts as not set. */
function withoutEnv(t, name) {
  const former = process.env[name] ?? '';
  process.env[name] = '';
  t.after(() => {
    process.env[name] = former;
  });
}

test('so with the packaged one', async (t) => {
  if (`${process.platform}-${process.arch}` !== 'linux-x64') return t.skip('it runs on Linux x64 alone');
  withoutEnv(t, 'CHROMIUM_PATH');
  withoutEnv(t, 'PATH');
  assert.equal((await findChromium()).origin, 'from the packages');
  await seeOnlyOurs(t);
});

test('CHROMIUM_PATH comes first, then PATH, and what does not run is passed over or named', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-browser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const script = (name, code) => {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
    return file;
  };
  const stub = script('chromium', 1);
  const chrome = script('google-chrome', 0);
  assert.deepEqual(await findChromium({ PATH: folder }), { file: chrome, origin: 'on PATH' });
  assert.deepEqual(await findChromium({ PATH: '', CHROMIUM_PATH: chrome }), {
    file: chrome,
    origin: 'by CHROMIUM_PATH',
  });
  await assert.rejects(
    findChromium({ PATH: folder, CHROMIUM_PATH: stub }),
    /CHROMIUM_PATH is .* does not run/,
  );
});
