import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { buildApp } from './app.ts';
import { type Config, completeConfig, readSettings } from './config/config.ts';
import { developmentDefaults, welcome } from './development.ts';
import type { Lifecycle } from './http/health.ts';
import { createLogger } from './observability/logger.ts';
import { loadBlocklist } from './passwords/blocklist.ts';
import { startPasswordHasher } from './passwords/hasher.ts';
import type { PasswordPolicy } from './passwords/policy.ts';
import { explainStartFailure } from './start-failure.ts';
import { prepareDatabase } from './storage/prepare-database.ts';

// Milliseconds for everything that is open to end, once the delay for load balancers is over
const closeBound = 10_000;

/** What has been started, newest last; each is undone by its function. */
const opened: (() => Promise<void>)[] = [];

async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

/** Config → database → app → listen. */
async function start(): Promise<void> {
  const settings = readSettings();
  const production = settings.NODE_ENV === 'production';
  const logger = createLogger({ level: settings.LOG_LEVEL, readable: !production });
  const lifecycle: Lifecycle = { phase: 'starting' };
  let shutdownDelay = 0;
  closeWithGrace({ delay: 120_000 + closeBound, logger }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'closing after a defect');
    else
      logger.info({ signal, delay_ms: shutdownDelay }, 'readiness is off; serving until the delay is over');
    lifecycle.phase = 'draining';
    if (!err) await sleep(shutdownDelay);
    await Promise.race([closeAll(), sleep(closeBound)]);
  });

  const { found, notes, stop } = await developmentDefaults(settings);
  opened.push(stop);
  for (const note of notes) logger.warn(note);
  const config = completeConfig(settings, found);

  await prepareDatabase(config.DATABASE_URL, logger);
  const hasher = await startPasswordHasher({
    cost: config.BCRYPT_COST,
    engine: config.PASSWORD_HASH_ENGINE,
    maxWaitMs: config.HASH_MAX_WAIT_MS,
  });
  opened.push(() => hasher.close());
  const app = await buildApp(config, {
    logger,
    hasher,
    passwordPolicy: await passwordPolicy(config),
    lifecycle,
  });
  opened.push(() => app.close());

  await app.listen({ host: config.HOST, port: config.PORT });
  lifecycle.phase = 'serving';
  shutdownDelay = config.SHUTDOWN_DELAY_MS;
  if (!production) process.stdout.write(welcome(config));
}

async function passwordPolicy(config: Config): Promise<PasswordPolicy> {
  const { PASSWORD_MIN_LENGTH: minLength, PASSWORD_MAX_LENGTH: maxLength } = config;
  const file = config.PASSWORD_BLOCKLIST_FILE;
  const blocklist =
    config.PASSWORD_BLOCKLIST === 'on' ? await loadBlocklist(file === undefined ? {} : { file }) : null;
  return { minLength, maxLength, blocklist };
}

start().catch(async (error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  await closeAll();
  process.exit(1);
});
