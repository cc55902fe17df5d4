import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Config, completeConfig, readSettings, shutdownDelayMs } from './config/config.ts';
import type { Settings } from './config/schema.ts';
import { developmentDefaults, welcome } from './development.ts';
import type { Lifecycle } from './http/health.ts';
import { withinOpenFiles } from './http/open-files.ts';
import { Events } from './observability/events.ts';
import { createLogger, flushLog } from './observability/logger.ts';
import { Metrics } from './observability/metrics.ts';
import { serveMetrics } from './observability/metrics-server.ts';
import { securityLog } from './observability/security-log.ts';
import { startPasswordHasher } from './passwords/hasher.ts';
import { loadPasswordPolicy } from './passwords/password-policy.ts';
import { explainStartFailure, ListenError } from './start-failure.ts';
import { checkPooledSession } from './storage/pooled-session.ts';
import { oncePresent, prepareDatabase } from './storage/prepare-database.ts';

// How long closing may take after the shutdown delay
const closeBoundMs = 10_000;
// Connections that the system may keep until they are accepted. In a flood Node's 511 run out, and a probe that then comes is
// dropped and tries again after a second, which is too late for it
const backlog = 4096;
// Ctrl-C arrives twice, from the terminal and from npm; within this time both count as one signal
const sameSignalMs = 500;

/** What one process is made of. */
interface Service {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly events: Events;
  /** Close functions, in opening order. */
  readonly opened: (() => Promise<void>)[];
  /** Tells a start that is under way to go no further. */
  readonly stopping: AbortController;
}

async function main(): Promise<void> {
  const settings = readSettings();
  const service: Service = {
    logger: createLogger({ level: settings.LOG_LEVEL, readable: settings.NODE_ENV !== 'production' }),
    lifecycle: { phase: 'starting' },
    events: new Events(),
    opened: [],
    stopping: new AbortController(),
  };
  const started = start(settings, service);
  stopOnSignals(service, started, shutdownDelayMs(settings));
  try {
    await started;
  } catch (error) {
    if (service.stopping.signal.aborted) return;
    process.stderr.write(`${explainStartFailure(error)}\n`);
    await Promise.race([closeAll(service), sleep(closeBoundMs)]).catch(() => {});
    process.exit(1);
  }
}

/**
 * Config → app → listen → database → serve. The probes are answered before the database is there: until then the
 * process is alive and has not started.
 */
async function start(settings: Settings, service: Service): Promise<void> {
  const { logger, lifecycle, events, opened, stopping } = service;
  const { found, notes, stop } = await developmentDefaults(settings);
  opened.push(stop);
  for (const note of notes) logger.info(note);
  const config = completeConfig(settings, found);

  events.listen(securityLog(logger));
  const metrics = await openMetrics(config, service);
  const passwordPolicy = await loadPasswordPolicy(config);
  stopping.signal.throwIfAborted();
  const hasher = await startPasswordHasher({
    cost: config.BCRYPT_COST,
    engine: config.PASSWORD_HASH_ENGINE,
    maxWaitMs: config.HASH_MAX_WAIT_MS,
    onThreadError: (err) => logger.error({ err }, 'a password hashing thread ended and was replaced'),
    events,
  });
  metrics?.watch({ hasher });
  opened.push(() => hasher.close());
  stopping.signal.throwIfAborted();
  const app = await buildApp(withinOpenFiles(config, hasher.threads, logger), {
    logger,
    hasher,
    lifecycle,
    passwordPolicy,
    events,
    watch: (vitals) => metrics?.watch(vitals),
  });
  opened.push(() => closeApp(app));

  await app.listen({ host: config.HOST, port: config.PORT, backlog }).catch((error: unknown) => {
    throw new ListenError(config, 'PORT', error);
  });
  const waiting = { log: logger, signal: stopping.signal };
  await prepareDatabase(config.DATABASE_MIGRATION_URL ?? config.DATABASE_URL, waiting);
  if (!config.DATABASE_PREPARED_STATEMENTS)
    await oncePresent(() => checkPooledSession(config.DATABASE_URL), waiting);
  stopping.signal.throwIfAborted();
  lifecycle.phase = 'serving';
  if (config.NODE_ENV !== 'production') process.stdout.write(welcome(config));
}

/** Opened before, and so closed after, all that it tells of. Undefined when METRICS_PORT is 0. */
async function openMetrics(
  config: Config,
  { logger, lifecycle, events, opened }: Service,
): Promise<Metrics | undefined> {
  if (config.METRICS_PORT === 0) return undefined;
  const metrics = new Metrics();
  events.listen(metrics.listener);
  metrics.watch({ lifecycle });
  const address = { host: config.HOST, port: config.METRICS_PORT };
  const close = await serveMetrics(metrics, address, logger).catch((error: unknown) => {
    throw new ListenError(config, 'METRICS_PORT', error);
  });
  opened.push(close);
  return metrics;
}

/**
 * On SIGTERM and its like: readiness off → serve on for the delay → close → exit 0. On an uncaught error: log → close
 * → exit 1. Exits 1 as well when closing fails or takes too long, and at once on a second signal.
 */
function stopOnSignals(service: Service, started: Promise<void>, delayMs: number): void {
  const { logger, lifecycle, stopping } = service;
  const bound = delayMs + closeBoundMs;
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const grace = closeWithGrace({ delay: bound, logger, skip: [...signals] }, async ({ err }) => {
    if (err) logger.fatal({ err }, 'closing after an error that nothing caught');
    const serving = lifecycle.phase === 'serving';
    // What has not started goes on refusing requests
    if (serving) lifecycle.phase = 'draining';
    stopping.abort();
    if (serving && !err) await sleep(delayMs);
    // A start that is under way ends by itself, and what it opens until then is closed too
    await started.catch(() => {});
    await closeAll(service);
    if (!err) logger.info('closed');
    await flushLog(logger);
  });
  let firstAt: number | undefined;
  for (const signal of signals) {
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        logger.info({ signal, delay_ms: delayMs }, 'readiness is off; closing after the delay');
        void grace.close();
      } else if (performance.now() - firstAt > sameSignalMs) {
        logger.error({ signal }, 'second signal: exiting at once');
        process.exit(1);
      }
    });
  }
}

/** Stops listening, and waits for the requests in flight, as long as their clients may take. */
async function closeApp(app: FastifyInstance): Promise<void> {
  // Node closes the connections that are idle when it is told to, but not those that become idle later
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  await app.close().finally(() => clearInterval(sweep));
}

/** Undoes all that was opened, newest first, each even if another fails. */
async function closeAll({ opened }: Service): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.splice(0).reverse()) {
    await close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
});
