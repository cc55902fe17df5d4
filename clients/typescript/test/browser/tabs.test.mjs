import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch } from '../../../../browser/chromium.mjs';
import { refreshPath, serviceForTests } from '../support/service.mjs';
import { startApp } from './page.mjs';

const app = await startApp(() => service.origin);
const places = {
  // Plain HTTP: no secure context, so that the tabs cannot take turns
  insecure: { app: `http://app.gatehouse.test:${app.port}`, host: 'gatehouse.test' },
  secure: { app: `http://localhost:${app.port}`, host: 'localhost' },
};
const service = serviceForTests({
  replicas: 2,
  env: { CORS_ORIGINS: `${places.insecure.app},${places.secure.app}`, HASH_MAX_WAIT_MS: '50' },
});

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  app.stop();
});

/** A browser's window, whose tabs share their storage, and what the pages in it report. */
async function openWindow(t, place, proxy) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const reports = { answer: [], failure: [], end: [] };
  await context.exposeFunction('report', (kind, value) => reports[kind].push(value));
  const url = `${place.app}/?service=${encodeURIComponent(`http://${place.host}:${proxy.port}`)}`;
  async function openTab(more = '') {
    const tab = await context.newPage();
    await tab.goto(url + more);
    await tab.waitForFunction('window.isReady');
    return tab;
  }
  return { reports, openTab };
}

async function logIn(tab, user) {
  await tab.evaluate(async (user) => {
    await window.client.register(user);
    await window.client.login(user);
  }, user);
}

const seconds = 15;

// The localStorage of Chromium may reach another tab a little later than the lock: that one refreshes again then, and gets the same
for (const { name, place, hasLocks, lifeSeconds, most } of [
  { name: 'over plain HTTP', place: places.insecure, hasLocks: false, lifeSeconds: 4, most: 11 },
  { name: 'in a secure context', place: places.secure, hasLocks: true, lifeSeconds: 3, most: 2.5 },
]) {
  test(`ten tabs ${name}, reloaded while they refresh, never log their user out`, async (t) => {
    const proxy = await service.proxy(t, {
      lifeSeconds,
      // Time for a reload to come in between
      fault: ({ path, attempt }) => path === refreshPath && attempt % 2 === 0 && { delayAnswerMs: 200 },
    });
    const { reports, openTab } = await openWindow(t, place, proxy);
    const first = await openTab();
    assert.deepEqual(await first.evaluate(() => [isSecureContext, 'locks' in navigator]), [
      hasLocks,
      hasLocks,
    ]);
    const user = service.newUser();
    await logIn(first, user);
    const tabs = await Promise.all(Array.from({ length: 10 }, () => openTab('&ask')));

    const until = Date.now() + seconds * 1000;
    let begun = 0;
    let reloads = 0;
    for (const tab of tabs)
      tab.on('request', (request) => {
        if (!request.url().endsWith(refreshPath) || request.method() !== 'POST') return;
        begun += 1;
        if (Date.now() > until || begun % 3 !== 1) return;
        reloads += 1;
        tab.reload().catch(() => {});
      });
    await sleep(seconds * 1000);
    for (const tab of tabs) await tab.close();

    const refreshes = proxy.seen(refreshPath).filter(({ method }) => method === 'POST');
    t.diagnostic(
      `${reports.answer.length} answers, ${refreshes.length} refreshes, ${reloads} reloads in one`,
    );
    assert.deepEqual(reports.failure, []);
    assert.deepEqual(reports.end, []);
    assert.ok(reports.answer.length > 100, `${reports.answer.length} answers`);
    assert.ok(reloads > 0);
    assert.ok(refreshes.every(({ status }) => status !== 401));
    const lives = seconds / lifeSeconds;
    assert.ok(refreshes.length > lives / 2, `${refreshes.length} refreshes`);
    assert.ok(refreshes.length <= lives * most + reloads, `${refreshes.length} refreshes`);
    const { email, sessions } = await first.evaluate(async () => ({
      email: (await window.client.me()).email,
      sessions: await window.client.sessions(),
    }));
    assert.equal(email, user.email);
    assert.equal(sessions.length, 1);
  });
}

test('a logout in one tab is noticed in the others at once', async (t) => {
  const { reports, openTab } = await openWindow(t, places.insecure, await service.proxy(t));
  const tab = await openTab();
  await logIn(tab, service.newUser());
  // They do no more than listen
  await openTab();
  await openTab();
  await tab.evaluate(() => window.client.logout());
  for (const deadline = Date.now() + 5000; reports.end.length < 3 && Date.now() < deadline; ) await sleep(20);
  assert.deepEqual(reports.end.sort(), ['elsewhere', 'elsewhere', 'logout']);
});

test('a tab that holds the lock and does not let go holds the others up for seconds, not for ever', async (t) => {
  const proxy = await service.proxy(t);
  const { reports, openTab } = await openWindow(t, places.secure, proxy);
  const frozen = await openTab();
  const tab = await openTab();
  await logIn(tab, service.newUser());
  await frozen.evaluate(
    () =>
      new Promise((held) => {
        navigator.locks.request('gatehouse', () => {
          held();
          return new Promise(() => {});
        });
      }),
  );
  const ms = await tab.evaluate(async () => {
    const started = performance.now();
    await window.client.accessToken({ refused: await window.client.accessToken() });
    await window.client.me();
    return performance.now() - started;
  });
  assert.ok(ms >= 4900, `${ms} ms`);
  assert.equal(proxy.seen(refreshPath).filter(({ method }) => method === 'POST').length, 1);
  assert.deepEqual(reports.end, []);
  await tab.evaluate(() => window.client.logout());
  for (const deadline = Date.now() + 5000; reports.end.length < 2 && Date.now() < deadline; ) await sleep(20);
  assert.deepEqual(reports.end.sort(), ['elsewhere', 'logout']);
});

test('the base URL may be a path of the own origin, which needs no CORS', async (t) => {
  const { openTab } = await openWindow(t, places.insecure, await service.proxy(t));
  const tab = await openTab();
  const urls = [];
  tab.on('request', (request) => urls.push(request.url()));
  const user = service.newUser();
  const email = await tab.evaluate(async (user) => {
    const client = window.createGatehouse({ baseUrl: '/auth-service/' });
    await client.register(user);
    await client.login(user);
    await client.accessToken({ refused: await client.accessToken() });
    const { email } = await client.me();
    await client.logout();
    return email;
  }, user);
  assert.equal(email, user.email);
  assert.equal(urls.length, 5);
  for (const url of urls) assert.ok(url.startsWith(`${places.insecure.app}/auth-service/api/v1/`), url);
});

test('another origin may read what an error says: Retry-After and the id of the request', async (t) => {
  const { openTab } = await openWindow(t, places.insecure, await service.proxy(t));
  const tab = await openTab();
  const user = service.newUser();
  await logIn(tab, user);
  const errors = await tab.evaluate(async (user) => {
    const { origin } = new URL(new URLSearchParams(location.search).get('service'));
    const hasty = window.createGatehouse({ baseUrl: origin, retry: { maxAttempts: 1 } });
    const logins = await Promise.allSettled(Array.from({ length: 30 }, () => hasty.login(user)));
    return logins
      .filter(({ status }) => status === 'rejected')
      .map(({ reason: { errorCode, retryAfterSeconds, requestId } }) => ({
        errorCode,
        retryAfterSeconds,
        requestId,
      }));
  }, user);
  assert.ok(errors.length > 0);
  for (const { errorCode, retryAfterSeconds, requestId } of errors) {
    assert.equal(errorCode, 'PASSWORD_HASHING_BUSY');
    assert.ok(retryAfterSeconds >= 1);
    assert.match(requestId, /^[\w-]{36}$/);
  }
});

test('the service has refused none of all these refreshes', () => {
  const refreshes = service.logged(refreshPath);
  assert.ok(refreshes.length > 0);
  assert.deepEqual(
    refreshes.filter(({ status }) => status === 401),
    [],
  );
});
