// Writes openapi.json: the document that the service serves with its default settings, one member a line for diffs.
// Nothing is listened to and no database is asked.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { buildApp } from '../dist/app.js';
import { completeConfig, readSettings } from '../dist/config/config.js';
import { root } from './build.mjs';

const secret = (letter) => letter.repeat(64);
// The one request comes while the app has just been built, and the event loop is late
const settings = { EVENT_LOOP_DELAY_MAX_MS: '0' };
const config = completeConfig(readSettings(settings, 'there-is-none.env'), {
  DATABASE_URL: 'postgres://nobody@localhost/none',
  SECRET_KEY: secret('a'),
  REFRESH_TOKEN_SECRET: secret('b'),
});
const app = await buildApp(config, {
  logger: pino({ level: 'silent' }),
  lifecycle: { phase: 'starting' },
  events: { emit: () => {} },
  // No password is ever hashed or judged
  hasher: undefined,
  passwordPolicy: undefined,
});
const { statusCode, body } = await app.inject('/openapi.json');
await app.close();
if (statusCode !== 200) throw new Error(`the document was not served: ${body}`);
writeFileSync(path.join(root, 'openapi.json'), `${JSON.stringify(JSON.parse(body), null, 2)}\n`);
