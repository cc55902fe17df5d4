import { randomBytes } from 'node:crypto';

/** Registers users over HTTP; gives their credentials. */
export async function registerUsers(url, count) {
  const credentials = Array.from({ length: count }, () => ({
    email: `bench-${randomBytes(6).toString('hex')}@example.com`,
    password: randomBytes(18).toString('base64url'),
  }));
  await twoAtATime(credentials, (each) =>
    post(`${url}/api/v1/register-user`, { ...each, name: 'Ada Lovelace', location: 'London' }, 201),
  );
  return credentials;
}

/** Logs in as each user in turn, `count` times in all; gives the token pairs. */
export async function openSessions(url, credentials, count) {
  const turns = Array.from({ length: count }, (_, index) => credentials[index % credentials.length]);
  return twoAtATime(turns, (each) => post(`${url}/api/v1/auth/login`, each, 200));
}

/** Never so many at once that the hash queue would refuse one. */
async function twoAtATime(items, work) {
  const results = [];
  for (let at = 0; at < items.length; at += 2) {
    results.push(...(await Promise.all(items.slice(at, at + 2).map(work))));
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
  if (response.status !== expected) throw new Error(`${url}: ${response.status} ${answer}`);
  return JSON.parse(answer);
}
