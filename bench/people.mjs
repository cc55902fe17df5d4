import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGatehouse } from './servers.mjs';

const randomText = (bytes) => randomBytes(bytes).toString('base64url');

/** Registers users over HTTP; gives their credentials. */
export async function registerUsers(url, count) {
  const credentials = Array.from({ length: count }, () => ({
    email: `bench-${randomBytes(6).toString('hex')}@example.com`,
    password: randomText(18),
  }));
  const person = { name: 'Ada Lovelace', location: 'London' };
  await twoAtATime(credentials, (each) => post(`${url}/api/v1/register-user`, { ...each, ...person }, 201));
  return credentials;
}

/** Logs in as each user in turn, `count` times in all; gives the token pairs. */
export async function openSessions(url, credentials, count) {
  const turns = Array.from({ length: count }, (_, index) => credentials[index % credentials.length]);
  return twoAtATime(turns, (each) => post(`${url}/api/v1/auth/login`, each, 200));
}

/**
 * Many sessions soon: through a Gatehouse of its own whose hashes cost little. Those users must not log in later, which would cost a hash
 * more.
 */
export async function openManySessions(common, count) {
  const settings = { NODE_ENV: 'development', BCRYPT_COST: '4', RATE_LIMIT: 'off' };
  const service = await startGatehouse({ ...common, settings });
  try {
    const credentials = await registerUsers(service.url, Math.ceil(count / 10));
    return await openSessions(service.url, credentials, count);
  } finally {
    await service.stop();
  }
}

/** Users who log in, with hashes as they ship. */
export async function registerLoginUsers(common, count) {
  const service = await startGatehouse(common);
  try {
    return await registerUsers(service.url, count);
  } finally {
    await service.stop();
  }
}

/** Few enough at once that the hash queue refuses none. */
async function twoAtATime(items, work) {
  const results = [];
  for (let index = 0; index < items.length; index += 2) {
    results.push(...(await Promise.all(items.slice(index, index + 2).map(work))));
  }
  return results;
}

async function post(url, body, expected) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  // As a service says that has just started on a busy machine
  if (response.status === 503) {
    await sleep(Number(response.headers.get('retry-after')) * 1000);
    return post(url, body, expected);
  }
  if (response.status !== expected) throw new Error(`${url}: ${response.status} ${answer}`);
  return JSON.parse(answer);
}
