import { availableParallelism } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Member } from './cluster/member.ts';
import { type Config, publishTelemetrySettings } from './config/config.ts';
import { withinOpenFiles } from './http/open-files.ts';
import { giveBackWhenIdle } from './idle-memory.ts';
import type { Service } from './lifetime.ts';
import { type EventListener, Events } from './observability/events.ts';
import type { Metrics } from './observability/metrics.ts';
import { securityLog } from './observability/security-log.ts';
import type { Tracing } from './observability/tracing.ts';
import { startPasswordHasher } from './passwords/hasher.ts';
import { loadPasswordPolicy } from './passwords/password-policy.ts';
import { ListenError } from './start-failure.ts';
import { lookAhead, prepareStorage } from './storage/prepare-database.ts';

// Connections that the system may keep until they are accepted. In a flood Node's 511 run out, and a probe that then comes is
// dropped and tries again after a second, which is too late for it
const backlog = 4096;

/** One of several processes that serve together: what it has of what they share, and whom it tells. */
export interface Part {
  readonly member: Member;
  readonly hashThreads: number;
}

/**
 * Config → app → listen → database → serve. The probes are answered before the database is there: until then the
 * process is alive and has not started.
 */
export async function serve(config: Config, service: Service, part?: Part): Promise<void> {
  const { logger, lifecycle, opened, stopping } = service;
  const { member } = part ?? {};
  const events = new Events();
  events.listen(securityListener(logger, member));
  const metrics = await openMetrics(config, { ...service, events, member });
  const tracing = await openTracing(config, service);
  metrics?.watch({ spans: tracing?.spans ?? { lost: 0 } });
  const hashing = startPasswordHasher({
    cost: config.BCRYPT_COST,
    engine: config.PASSWORD_HASH_ENGINE,
    maxWaitMs: config.HASH_MAX_WAIT_MS,
    threads: part?.hashThreads ?? availableParallelism(),
    onThreadError: (err) => logger.error({ err }, 'a password hashing thread ended and was replaced'),
    events,
    trace: tracing?.hash,
  });
  opened.push(() =>
    hashing.then(
      (hasher) => hasher.close(),
      // Said by whoever waits for it below
      () => {},
    ),
  );
  const ahead = member ? undefined : lookAhead(config, logger);
  // Most of a start is the loading of modules: meanwhile the threads start, and the database answers
  const [{ buildApp }, passwordPolicy, hasher] = await Promise.all([
    import('./app.ts'),
    loadPasswordPolicy(config),
    hashing,
  ]);
  metrics?.watch({ hasher });
  stopping.signal.throwIfAborted();
  // Of workers the primary has said it, and handed down what it comes to
  const affordable = part ? config : withinOpenFiles(config, hasher.threads, logger);
  const app = await buildApp(affordable, {
    logger,
    hasher,
    lifecycle,
    passwordPolicy,
    events,
    tracing,
    watch: (vitals) => metrics?.watch(vitals),
  });
  opened.push(() => closeApp(app));

  await app.listen({ host: config.HOST, port: config.PORT, backlog }).catch((error: unknown) => {
    throw new ListenError(config, 'PORT', error);
  });
  if (member) await member.admission(stopping.signal);
  else await prepareStorage(config, { log: logger, signal: stopping.signal }, ahead);
  stopping.signal.throwIfAborted();
  opened.push(giveBackWhenIdle());
  lifecycle.phase = 'serving';
}

/** Logs what matters for security, all but what is the same for all workers. */
function securityListener(logger: Logger, member: Member | undefined): EventListener {
  const log = securityLog(logger);
  if (member === undefined) return log;
  return (event) => (event.type === 'keys' ? member.tellKeys(event) : log(event));
}

/**
 * Opened before, and so closed after, all that it tells of; a worker's are told by the primary. Undefined when
 * METRICS_PORT is 0.
 */
async function openMetrics(
  config: Config,
  { logger, lifecycle, events, opened, member }: Service & { events: Events; member: Member | undefined },
): Promise<Metrics | undefined> {
  if (config.METRICS_PORT === 0) return undefined;
  const { Metrics } = await import('./observability/metrics.ts');
  const metrics = new Metrics();
  events.listen(metrics.listener);
  metrics.watch({ lifecycle });
  if (member) {
    member.shareMetrics(() => metrics.snapshot());
    return metrics;
  }
  const { serveMetrics } = await import('./observability/metrics-server.ts');
  const address = { host: config.METRICS_HOST, port: config.METRICS_PORT };
  const close = await serveMetrics(metrics, address, logger).catch((error: unknown) => {
    throw new ListenError(config, 'METRICS_PORT', error);
  });
  opened.push(close);
  return metrics;
}

/** Undefined, and nothing of OpenTelemetry's SDK loaded, when there is no collector. */
async function openTracing(config: Config, { logger, opened }: Service): Promise<Tracing | undefined> {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined || config.OTEL_SDK_DISABLED) return undefined;
  publishTelemetrySettings(config);
  const { startTracing } = await import('./observability/tracing.ts');
  const tracing = startTracing(config, logger);
  opened.push(() => tracing.close());
  return tracing;
}

/** Stops listening, and waits for the requests in flight, as long as their clients may take. */
async function closeApp(app: FastifyInstance): Promise<void> {
  // Node closes the connections that are idle when it is told to, but not those that become idle later
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  await app.close().finally(() => clearInterval(sweep));
}
