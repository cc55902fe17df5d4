// Asks a live service for its metrics, after traffic of every kind, and requires of each metric, label and value that the
// dashboard, the alerts and the autoscaler name that it is there: of a single process, and of one with workers.
import { setTimeout as sleep } from 'node:timers/promises';
import { startService } from '../../scripts/live-service.mjs';
import { freePort } from '../../scripts/processes.mjs';
import { dashboardExpressions, ruleExpressions } from './expressions.mjs';
import { missingFrom, parseScrape } from './promql.mjs';

/** Makes every series that is named come about: each outcome, and an answer 5xx. */
async function makeTraffic(origin) {
  const send = async (path, body, token) => {
    const headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const answer = await fetch(`${origin}${path}`, {
      headers,
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json().catch(() => undefined) };
  };
  const credentials = { email: 'ada@example.com', password: 'analytical engine' };
  const expect = (answer, status) => {
    if (answer.status !== status)
      throw new Error(`${answer.status} and not ${status}: ${JSON.stringify(answer)}`);
    return answer.body;
  };
  expect(await send('/api/v1/register-user', { ...credentials, name: 'Ada', location: 'London' }), 201);
  expect(await send('/api/v1/auth/login', { ...credentials, password: 'difference engine' }), 401);
  const { access_token, refresh_token } = expect(await send('/api/v1/auth/login', credentials), 200);
  expect(await send('/api/v1/me', undefined, access_token), 200);
  expect(await send('/api/v1/auth/refresh-token', { refresh_token }), 200);
  expect(await send('/readyz'), 200);
  const storm = await Promise.all(Array.from({ length: 20 }, () => send('/api/v1/auth/login', credentials)));
  if (!storm.some(({ status }) => status === 503))
    throw new Error('no login was refused for want of a hash thread');
}

// What there is with workers alone
const ofWorkers = /\bgatehouse_workers/;
const all = [...dashboardExpressions(), ...ruleExpressions()];

/** Prints what a service with these settings does not tell of what is asked of it. */
async function check(name, settings, expressions) {
  const port = await freePort();
  const service = await startService({
    env: {
      METRICS_PORT: String(port),
      HASH_MAX_WAIT_MS: '1',
      SESSION_PRUNE_INTERVAL_SECONDS: '1',
      ...settings,
    },
  });
  try {
    await makeTraffic(service.origin);
    // A pass of the pruner comes within a second
    await sleep(1500);
    const scrape = await fetch(`http://127.0.0.1:${port}/metrics`);
    const metrics = parseScrape(await scrape.text());
    const missing = expressions.flatMap(({ where, expr }) =>
      missingFrom(metrics, expr).map((what) => `${where}: ${what}`),
    );
    console.log(
      `${name}: ${metrics.size} metrics scraped, ${expressions.length} expressions, ${missing.length} things missing`,
    );
    for (const line of missing) console.log(`  ${line}`);
    if (missing.length > 0) process.exitCode = 1;
  } finally {
    await service.stop();
  }
}

const ofAny = all.filter(({ expr }) => !ofWorkers.test(expr));
await check('a single process', {}, ofAny);
await check('two workers', { WEB_CONCURRENCY: '2' }, all);
