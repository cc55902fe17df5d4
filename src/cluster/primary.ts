import { type Config, completeConfig, shutdownDelayMs } from '../config/config.ts';
import type { Settings } from '../config/schema.ts';
import { developmentDefaults, welcome } from '../development.ts';
import { closeBoundMs, live, type Service } from '../lifetime.ts';
import { serveMetrics } from '../observability/metrics-server.ts';
import { SummedMetrics } from '../observability/summed-metrics.ts';
import { ListenError } from '../start-failure.ts';
import { prepareStorage } from '../storage/prepare-database.ts';
import { Crew } from './crew.ts';

// Milliseconds beyond what each worker may take
const marginMs = 2000;

/**
 * Runs WEB_CONCURRENCY workers, and serves nothing itself but their metrics. Does once what has to be done once: it
 * starts the embedded Postgres, creates and migrates the database, and says what keeps the service from starting.
 */
export function runPrimary(settings: Settings): Promise<void> {
  return live(settings, (service) => start(settings, service), {
    // The workers, who are told at once, serve on for the delay
    closeAfterMs: 0,
    boundMs: shutdownDelayMs(settings) + closeBoundMs + marginMs,
  });
}

async function start(settings: Settings, service: Service): Promise<void> {
  const { logger, lifecycle, opened, stopping } = service;
  const { found, notes, stop } = await developmentDefaults(settings);
  opened.push(stop);
  for (const note of notes) logger.info(note);
  const config = completeConfig(settings, found);
  stopping.signal.throwIfAborted();

  const crew = new Crew({
    size: config.WEB_CONCURRENCY,
    logger,
    env: { ...found },
    onFailure: (failure) => service.fail(failure),
  });
  if (config.METRICS_PORT !== 0) opened.push(await openMetrics(config, crew, service));
  stopping.signal.throwIfAborted();
  opened.push(() => crew.close());
  stopping.signal.addEventListener('abort', () => crew.drain());
  await crew.start();
  await prepareStorage(config, { log: logger, signal: stopping.signal });
  stopping.signal.throwIfAborted();
  crew.admit();
  lifecycle.phase = 'serving';
  if (config.NODE_ENV !== 'production') process.stdout.write(welcome(config));
}

function openMetrics(config: Config, crew: Crew, { logger }: Service): Promise<() => Promise<void>> {
  const address = { host: config.HOST, port: config.METRICS_PORT };
  return serveMetrics(new SummedMetrics(crew), address, logger).catch((error: unknown) => {
    throw new ListenError(config, 'METRICS_PORT', error);
  });
}
